//! Run two futures at once and compose them: the first program.
//!
//! Use it when a result needs two answers that do not depend on each other.
//! Copy it whole.
//! Ends: `try_join!` when both have succeeded, or at the first error, which
//! drops the other future. `join!` always waits for both.
//! Needs: `cargo add tokio --features macros,rt,time`.
//!
//! ```text
//! asking for the price
//! answered
//! asking for the postage
//! answered
//! one after the other: 42
//! asking for the price
//! asking for the postage
//! answered
//! answered
//! at once: 42
//! asking for the price
//! asking for the weather
//! an error: no weather
//! ```

use std::time::Duration;
use tokio::time::sleep;

async fn fetch(what: &str) -> Result<u32, String> {
    println!("asking for the {what}");
    let answer = match what {
        "price" => 40,
        "postage" => 2,
        _ => return Err(format!("no {what}")),
    };
    sleep(Duration::from_millis(10)).await; // the others run meanwhile
    println!("answered");
    Ok(answer)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    // An `async fn` does nothing until it is awaited.
    let price = fetch("price").await?;
    let postage = fetch("postage").await?;
    println!("one after the other: {}", price + postage);

    let (price, postage) = tokio::try_join!(fetch("price"), fetch("postage"))?;
    println!("at once: {}", price + postage);

    let error = tokio::try_join!(fetch("price"), fetch("weather"));
    if let Err(error) = error {
        println!("an error: {error}"); // the price was not waited for
    }
    Ok(())
}
