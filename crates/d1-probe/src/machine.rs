//! A Worker's time, randomness and background, and that the last outlives a request.

use std::{sync::Arc, time::Duration};

use stratus_d1::{WaitUntil, WorkerClock, WorkerEntropy};
use stratus_storage::Background as _;
use stratus_testkit::machine::Subject;
use worker::{Context, Delay, Env, Result, send::SendFuture};

/// How long work is waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where work that outlives its request leaves a trace, in KV.
const TRACE: &str = "trace";

pub(crate) fn subject(context: Context) -> Subject {
    Subject {
        clock: Arc::new(WorkerClock),
        entropy: Arc::new(WorkerEntropy),
        background: Arc::new(WaitUntil::new(context)),
        settle: Arc::new(|| Box::pin(SendFuture::new(Delay::from(PATIENCE)))),
    }
}

/// Answers at once and leaves a trace later.
pub(crate) fn leave_a_trace(env: &Env, context: Context) -> Result<()> {
    let namespace = env.kv("KV")?;
    WaitUntil::new(context).spawn(Box::pin(SendFuture::new(async move {
        Delay::from(PATIENCE).await;
        let put = namespace.put(TRACE, "done").expect("a value");
        put.execute().await.expect("put");
    })));
    Ok(())
}

/// Asks this Worker for such a request, and looks for its trace.
pub(crate) async fn work_outlives_its_request(env: &Env) -> Result<()> {
    let namespace = env.kv("KV")?;
    env.service("SELF")?.fetch("http://probe/trace", None).await?;
    assert_eq!(namespace.get(TRACE).text().await?, None, "the answer waited for it");
    Delay::from(PATIENCE * 10).await;
    assert_eq!(namespace.get(TRACE).text().await?.as_deref(), Some("done"));
    Ok(())
}
