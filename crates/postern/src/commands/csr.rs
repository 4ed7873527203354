//! `postern csr`: a request for a certificate.

use postern_tls::PrivateKey;

use super::new_file::{self, Readers};
use crate::{
    cli::Csr,
    failure::{Exit, Failure},
    output,
};

pub(crate) fn run(asked: &Csr) -> Result<Exit, Failure> {
    let file = asked.key.display();
    let key = PrivateKey::read(&asked.key).map_err(|error| Failure::new(&file, &error))?;
    let request = key.request(&asked.names);
    let request = request.map_err(|error| Failure::new("the request", &error).usage())?;
    if new_file::is_standard_output(&asked.out) {
        output::print(request)?;
        return Ok(Exit::Fine);
    }
    new_file::write(&asked.out, &request, Readers::Anybody)?;
    output::print(format_args!(
        "{}: a request for {}, with the key of {file} ({})\n",
        asked.out.display(),
        output::list(&asked.names, "nothing"),
        key.public(),
    ))?;
    Ok(Exit::Fine)
}
