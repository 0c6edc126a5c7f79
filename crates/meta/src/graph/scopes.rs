//! What a person has to allow at login (contract section 0).

use super::endpoint::LoginKind;

/// What Instagram Login must be granted.
pub const INSTAGRAM_SCOPES: [&str; 3] = [
    "instagram_business_basic",
    "instagram_business_manage_messages",
    "instagram_business_manage_comments",
];

/// What Facebook Login must be granted.
pub const FACEBOOK_SCOPES: [&str; 6] = [
    "instagram_basic",
    "instagram_manage_messages",
    "instagram_manage_comments",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_show_list",
];

/// What Facebook Login asks for and works without.
pub const FACEBOOK_OPTIONAL_SCOPES: [&str; 1] = ["pages_messaging"];

impl LoginKind {
    /// What must be granted.
    pub fn needed_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Instagram => &INSTAGRAM_SCOPES,
            Self::Facebook => &FACEBOOK_SCOPES,
        }
    }

    /// What to ask for: what is needed, and what is useful beside it.
    pub fn asked_scopes(self) -> impl Iterator<Item = &'static str> {
        let optional: &[&str] = match self {
            Self::Instagram => &[],
            Self::Facebook => &FACEBOOK_OPTIONAL_SCOPES,
        };
        self.needed_scopes().iter().chain(optional).copied()
    }

    /// The needed scopes that were not granted, in the order of the contract; the person can untick
    /// each of them.
    pub fn missing_scopes(self, granted: &[impl AsRef<str>]) -> Vec<&'static str> {
        let is_granted = |scope: &&str| granted.iter().any(|granted| granted.as_ref() == *scope);
        let needed = self.needed_scopes().iter().copied();
        needed.filter(|scope| !is_granted(scope)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_ones_are_named_and_the_optional_one_is_not_missed() {
        let granted: Vec<&str> = FACEBOOK_SCOPES.into_iter().skip(2).collect();
        assert_eq!(
            LoginKind::Facebook.missing_scopes(&granted),
            ["instagram_basic", "instagram_manage_messages"]
        );
        assert!(
            LoginKind::Facebook
                .missing_scopes(&FACEBOOK_SCOPES)
                .is_empty()
        );
        let all: Vec<&str> = LoginKind::Facebook.asked_scopes().collect();
        assert!(all.contains(&"pages_messaging"));
        assert_eq!(LoginKind::Instagram.missing_scopes(&[""]), INSTAGRAM_SCOPES);
        // The names that died in January 2025 are not the ones needed.
        let dead = ["business_basic", "business_manage_messages"];
        assert_eq!(LoginKind::Instagram.missing_scopes(&dead), INSTAGRAM_SCOPES);
    }
}
