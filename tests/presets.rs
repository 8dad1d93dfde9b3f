//! What standards and providers ask for: the rules that a policy has for them, the presets, and the providers' own tokens.

#[path = "presets/providers.rs"]
mod providers;
#[path = "presets/rules.rs"]
mod rules;
#[path = "presets/standards.rs"]
mod standards;
#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;
