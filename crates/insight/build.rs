//! Packs the catalogues of permission names, which are kept as text that can be read and compared.

use std::{env, fs, io::Write as _, path::Path};

use flate2::{Compression, write::ZlibEncoder};

/// Each is a file of this name.
const CATALOGUES: &[&str] = &["aws"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[expect(clippy::disallowed_methods, reason = "cargo says where to only so")]
    let into = env::var("OUT_DIR")?;
    for name in CATALOGUES {
        let text = Path::new("catalogue").join(name).with_extension("txt");
        println!("cargo::rerun-if-changed={}", text.display());
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&fs::read(text)?)?;
        fs::write(Path::new(&into).join(name).with_extension("z"), packed.finish()?)?;
    }
    Ok(())
}
