//! What a plugin's author does, with the built binary: `project` is a project and the host that it is put into, `guide`
//! follows a guide word for word, `bare` is a component without a project. One file a language, and one for each command
//! that has much to say.

mod bare;
mod guide;
pub mod project;

mod c;
mod check_command;
mod examples;
mod first_party;
mod guides;
mod inspect_command;
mod javascript;
mod messages;
mod new_command;
mod python;
mod rust;
mod test_command;
mod typescript;
