//! Transactions that met another one are tried again, here and nowhere else.

use std::time::Duration;

use super::StoreError;

/// So often at most: whoever loses eight times in a row has another trouble than bad luck.
const TRIES: u32 = 8;

/// The longest pause before the second try; it doubles from try to try.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Runs a transaction, and again after serialisation failures and deadlocks, with pauses of random length between.
pub(super) async fn again_on_conflict<Value, Trial>(mut run: impl FnMut() -> Trial) -> Result<Value, StoreError>
where
    Trial: Future<Output = Result<Value, StoreError>>,
{
    let mut longest = FIRST_PAUSE;
    for _ in 1..TRIES {
        match run().await {
            Err(error) if error.is_conflict() => tokio::time::sleep(longest.mul_f64(share())).await,
            done => return done,
        }
        longest *= 2;
    }
    run().await
}

/// A random share, so that two that met do not meet again.
fn share() -> f64 {
    let mut byte = [0_u8; 1];
    // Without random numbers the pause is a whole one.
    if getrandom::fill(&mut byte).is_err() {
        return 1.0;
    }
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_conflicts_are_tried_again_and_not_for_ever() {
        let tries = Cell::new(0);
        let outcome = again_on_conflict(async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(StoreError::conflict()) } else { Ok(tries.get()) }
        });
        assert_eq!(outcome.await.unwrap(), 4);
        tries.set(0);
        let outcome: Result<(), _> = again_on_conflict(async || {
            tries.set(tries.get() + 1);
            Err(StoreError::conflict())
        })
        .await;
        assert!(outcome.unwrap_err().is_conflict());
        assert_eq!(tries.get(), TRIES);
        tries.set(0);
        let outcome: Result<(), _> = again_on_conflict(async || {
            tries.set(tries.get() + 1);
            Err(StoreError::other("the disk is full"))
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(tries.get(), 1);
    }
}
