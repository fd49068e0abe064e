//! From the groups that a provider says somebody is in to the role that they have here.

use metadata::access::Role;

/// Who is in this group has this role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Exactly as the provider spells it.
    pub group: String,
    /// A viewer's, an operator's or an admin's.
    pub role: Role,
}

/// The role of the first rule that names one of these groups; none where no rule does.
pub(crate) fn role<'a>(rules: &'a [Rule], groups: &[String]) -> Option<&'a Role> {
    rules.iter().find(|rule| groups.contains(&rule.group)).map(|rule| &rule.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_names_a_group_decides() {
        let rule = |group: &str, role| Rule { group: group.to_owned(), role };
        let rules = [
            rule("suspended", Role::Viewer),
            rule("sre", Role::Admin),
            rule("team-a", Role::Operator { prefixes: vec!["team-a.".to_owned()] }),
            rule("sre", Role::Viewer),
        ];
        for (groups, expected) in [
            (&["sre"][..], Some("admin")),
            (&["team-a", "sre"], Some("admin")),
            (&["team-a"], Some("operator of team-a.*")),
            (&["sre", "suspended"], Some("viewer")),
            (&["SRE"], None),
            (&["sre "], None),
            (&[""], None),
            (&[], None),
        ] {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            assert_eq!(role(&rules, &groups).map(Role::to_string).as_deref(), expected, "{groups:?}");
        }
    }
}
