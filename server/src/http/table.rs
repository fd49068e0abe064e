//! What answers each operation of the contract: its handler, and the types of its body and its answers. Everything else is said in
//! [`metadata::contract`]; the router and `/openapi.json` are made from the two.

use super::answers::{
    AliveAnswer, BatchAnswer, BrokerAnswer, BrokersAnswer, ClusterAnswer, CommittedAnswer, DigestAnswer, ElectionsAnswer, HeartbeatAnswer,
    IsrAnswer, LeaderAnswer, PartitionAnswer, ReadyAnswer, ReassignmentAnswer, ReassignmentsAnswer, RegistrationAnswer, ReplacedAnswer,
    SettingsAnswer, TopicAnswer, TopicConfigsAnswer, TopicsAnswer,
};
use super::operations::Routed;
use super::{
    accounts, audit, backup, batch, brokers, cluster, elections, feed, health, history, metrics, openapi, quorum, reassignments, settings,
    state, topics,
};
use metadata::contract::Operation;
use metadata::views::StateView;

/// Every operation with what answers it.
pub fn table() -> Vec<Routed> {
    Operation::ALL.iter().map(|operation| routed(*operation)).collect()
}

fn routed(operation: Operation) -> Routed {
    match operation {
        Operation::GetCluster => Routed::new(operation, cluster::get).answers::<ClusterAnswer>(),
        Operation::ReplaceController => Routed::new(operation, quorum::replace).body::<quorum::Replace>().answers::<ReplacedAnswer>(),
        Operation::MoveLeadership => Routed::new(operation, quorum::lead).body::<quorum::Successor>().answers::<LeaderAnswer>(),
        Operation::AddController => Routed::new(operation, quorum::add).body::<quorum::Newcomer>().answers::<ReplacedAnswer>(),
        Operation::PromoteController => Routed::new(operation, quorum::promote).answers::<ReplacedAnswer>(),
        Operation::DemoteController => Routed::new(operation, quorum::demote).answers::<ReplacedAnswer>(),
        Operation::RemoveController => Routed::new(operation, quorum::remove).answers::<ReplacedAnswer>(),
        Operation::WhoAmI => Routed::new(operation, accounts::who).answers::<accounts::WhoAnswer>(),
        Operation::ListAccounts => Routed::new(operation, accounts::list).answers::<accounts::AccountsAnswer>(),
        Operation::AddAccount => Routed::new(operation, accounts::add).body::<accounts::NewAccount>().makes::<accounts::AccountAnswer>(),
        Operation::ChangeRole => {
            Routed::new(operation, accounts::change_role).body::<accounts::RoleAsked>().answers::<accounts::AccountAnswer>()
        }
        Operation::RemoveAccount => Routed::new(operation, accounts::remove).answers::<CommittedAnswer>(),
        Operation::ListTokens => Routed::new(operation, accounts::tokens).answers::<accounts::TokensAnswer>(),
        Operation::AddToken => Routed::new(operation, accounts::add_token).body::<accounts::TokenOf>().makes::<accounts::TokenAnswer>(),
        Operation::RevokeToken => Routed::new(operation, accounts::revoke_token).answers::<CommittedAnswer>(),
        Operation::ListRevocations => Routed::new(operation, accounts::revocations).answers::<accounts::RevocationsAnswer>(),
        Operation::RevokeCertificate => Routed::new(operation, accounts::revoke).body::<accounts::Revoking>().answers::<CommittedAnswer>(),
        Operation::SetPassword => {
            Routed::new(operation, accounts::set_password).body::<accounts::PasswordAsked>().answers::<CommittedAnswer>()
        }
        Operation::EndSessions => Routed::new(operation, accounts::end_sessions).answers::<CommittedAnswer>(),
        Operation::ListAudit => Routed::new(operation, audit::list).answers::<audit::AuditAnswer>(),
        Operation::ExportAudit => Routed::new(operation, audit::export).answers_bytes("application/jsonl"),
        Operation::Elect => Routed::new(operation, elections::elect).body::<elections::Asked>().answers::<ElectionsAnswer>(),
        Operation::ListReassignments => Routed::new(operation, reassignments::list).answers::<ReassignmentsAnswer>(),
        Operation::StartReassignment => {
            Routed::new(operation, reassignments::start).body::<reassignments::Asked>().answers::<ReassignmentAnswer>()
        }
        Operation::GetReassignment => Routed::new(operation, reassignments::get).answers::<ReassignmentAnswer>(),
        Operation::LimitReassignment => {
            Routed::new(operation, reassignments::limit).body::<reassignments::Redirected>().answers::<ReassignmentAnswer>()
        }
        Operation::CancelReassignment => Routed::new(operation, reassignments::cancel).answers::<ReassignmentAnswer>(),
        Operation::DrainBroker => {
            Routed::new(operation, reassignments::drain).body::<reassignments::Draining>().answers::<ReassignmentAnswer>()
        }
        Operation::StopDrain => Routed::new(operation, reassignments::stop_drain).answers::<ReassignmentAnswer>(),
        Operation::GetSettings => Routed::new(operation, settings::get).answers::<SettingsAnswer>().tagged(),
        Operation::ChangeSettings => {
            Routed::new(operation, settings::change).body::<settings::Asked>().answers::<SettingsAnswer>().tagged()
        }
        Operation::GetTopicSettings => Routed::new(operation, settings::of_topic).answers::<TopicConfigsAnswer>(),
        Operation::ListTopics => Routed::new(operation, topics::list).answers::<TopicsAnswer>(),
        Operation::CreateTopic => Routed::new(operation, topics::create).body::<topics::Asked>().creates::<TopicAnswer>().tagged(),
        Operation::CreateTopics => Routed::new(operation, batch::create).body::<batch::Batch>().answers::<BatchAnswer>(),
        Operation::GetTopic => Routed::new(operation, topics::get).answers::<TopicAnswer>().tagged(),
        Operation::DeleteTopic => Routed::new(operation, topics::delete).answers::<CommittedAnswer>(),
        Operation::ChangeConfigs => {
            Routed::new(operation, topics::change_configs).body::<topics::ConfigChange>().answers::<TopicAnswer>().tagged()
        }
        Operation::GrowTopic => Routed::new(operation, topics::grow).body::<topics::Growth>().answers::<TopicAnswer>().tagged(),
        Operation::GetPartition => Routed::new(operation, topics::partition).answers::<PartitionAnswer>(),
        Operation::ListBrokers => Routed::new(operation, brokers::list).answers::<BrokersAnswer>(),
        Operation::GetBroker => Routed::new(operation, brokers::get).answers::<BrokerAnswer>().tagged(),
        Operation::UnregisterBroker => Routed::new(operation, brokers::unregister).answers::<CommittedAnswer>(),
        Operation::FenceBroker => Routed::new(operation, brokers::fence).answers::<BrokerAnswer>().tagged(),
        Operation::UnfenceBroker => Routed::new(operation, brokers::unfence).answers::<BrokerAnswer>().tagged(),
        Operation::RegisterBroker => {
            Routed::new(operation, brokers::register).body::<brokers::Registering>().creates::<RegistrationAnswer>()
        }
        Operation::Heartbeat => Routed::new(operation, brokers::heartbeat).body::<brokers::Beating>().answers::<HeartbeatAnswer>(),
        Operation::ChangeIsr => Routed::new(operation, brokers::change_isr).body::<brokers::IsrChanges>().answers::<IsrAnswer>(),
        Operation::GetState => Routed::new(operation, state::get).answers::<StateView>().answers_bytes("application/octet-stream"),
        Operation::GetDigest => Routed::new(operation, state::digest).answers::<DigestAnswer>(),
        Operation::ExportBackup => Routed::new(operation, backup::export).answers_bytes("application/gzip"),
        Operation::ListHistory => Routed::new(operation, history::list).answers::<history::HistoryAnswer>(),
        Operation::ExportHistory => Routed::new(operation, history::export).answers_bytes("application/jsonl").answers_bytes("text/csv"),
        Operation::DiffStates => Routed::new(operation, history::diff).answers::<history::DiffAnswer>(),
        Operation::GetCommit => Routed::new(operation, history::get).answers::<history::CommitAnswer>(),
        Operation::UndoCommit => Routed::new(operation, history::undo).answers::<CommittedAnswer>(),
        Operation::OpenFeed => Routed::new(operation, feed::open).streams(),
        Operation::IsAlive => Routed::new(operation, health::alive).answers::<AliveAnswer>(),
        Operation::IsReady => Routed::new(operation, health::ready).answers::<ReadyAnswer>(),
        Operation::GetMetrics => Routed::new(operation, metrics::get).answers_bytes("text/plain"),
        Operation::GetDescription => Routed::new(operation, openapi::get).answers_bytes("application/json"),
    }
}
