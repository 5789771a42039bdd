//! The policy that `mover policy new` writes.

/// It works as it is, after its paths are edited.
pub const TEMPLATE: &str = include_str!("template.toml");

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_has_nothing_wrong_with_it() {
        let complaints = crate::policy::check(super::TEMPLATE);
        assert_eq!(complaints, []);
        // And nothing in it that is commented out, either.
        let whole: String = super::TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let complaints = crate::policy::check(&whole);
        assert_eq!(complaints, []);
    }
}
