//! What a plugin's author does, with the built binary: `project` is a project and the host that it is put into, `guide`
//! follows a guide word for word, `machine` is a machine that lacks something, `bare` is a component without a project.
//! One file a language, and one for each command that has much to say.

mod bare;
mod guide;
mod machine;
pub mod project;

mod bench_command;
mod build_command;
mod c;
mod check_command;
mod dev_command;
mod examples;
mod first_party;
mod go;
mod guides;
mod inspect_command;
mod javascript;
mod messages;
mod new_command;
mod python;
mod rust;
mod test_command;
mod typescript;
