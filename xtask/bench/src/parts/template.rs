//! Data to claims.

use serde_json::json;

use crate::{
    Result,
    example::Example,
    measure::{Effort, repeat},
    report::Report,
};

pub(super) fn measure(report: &mut Report, effort: &Effort, example: &Example) -> Result<()> {
    let holder = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y"});
    let figures = repeat(effort, || Ok(example.template.render(&example.variables(&holder))?))?;
    report.part("template", "render the template", 1, figures);
    Ok(())
}
