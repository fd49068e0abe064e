//! Every value of the small enums.

use crate::samples::every;
use metadata::frame::{Backup, Role};
use metadata::intent::ConfigOpKind;
use metadata::views::Level;
use metadata::{BrokerState, RecoveryState};

every! {
    broker_states: BrokerState {
        Online => BrokerState::Online,
        Fencing => BrokerState::Fencing,
        Fenced => BrokerState::Fenced,
        ShuttingDown => BrokerState::ShuttingDown,
    }
}

every! {
    recovery_states: RecoveryState { Recovered => RecoveryState::Recovered, Recovering => RecoveryState::Recovering, }
}

every! {
    roles: Role { Leader => Role::Leader, Follower => Role::Follower, Learner => Role::Learner, Unreachable => Role::Unreachable, }
}

every! {
    levels: Level { Healthy => Level::Healthy, Warning => Level::Warning, Critical => Level::Critical, }
}

every! {
    config_op_kinds: ConfigOpKind {
        Set => ConfigOpKind::Set,
        Delete => ConfigOpKind::Delete,
        Append => ConfigOpKind::Append,
        Subtract => ConfigOpKind::Subtract,
    }
}

every! {
    backups: Backup {
        Off => Backup::Off,
        Following => Backup::Following { watermark: 600 },
        Failing => Backup::Failing { watermark: 599, error: "the database is away".into() },
    }
}
