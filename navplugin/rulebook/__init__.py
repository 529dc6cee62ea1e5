"""The rulebook: NAV filters, facts, verbs, matchers; from a situation to a decision, without any I/O."""
