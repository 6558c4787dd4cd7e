//! Plugins in Go: not built here, and why.

use super::BuildError;

/// Says what to do instead.
pub(super) fn refusal() -> BuildError {
    BuildError::Language {
        message:
            "plugins in Go are experimental, and `chancery plugin build` does not build them: the Go collector runs \
                  while the host hands over a request, and ends such a call with \"cannot leave component instance\" \
                  once an instance is used again or a request is large"
                .to_owned(),
        hint:
            "Build the component with componentize-go (github.com/bytecodealliance/componentize-go) against build/wit, \
               and keep `instance = \"fresh\"` in the grant file. `chancery plugin inspect`, `check` and `test \
               --component FILE` work with it as with any other"
                .to_owned(),
    }
}
