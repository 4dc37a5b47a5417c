//! Virtual time, tasks and randomness.

use std::sync::Arc;
use std::time::Duration;

use capa7_net::{Elapsed, LinkConfig, TaskEnded, Time};
use rand::RngCore;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use crate::house::{at, host, ms, network, pair};

#[test]
fn sleeps_end_at_their_very_nanosecond_and_in_their_order() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let order = net
        .run(async {
            let (tell, mut told) = mpsc::unbounded_channel();
            let waits = [30, 10, 20, 10].into_iter().enumerate().map(|(number, nanos)| {
                let (host, tell) = (one.clone(), tell.clone());
                one.spawn("wait", async move {
                    host.sleep(Duration::from_nanos(nanos)).await;
                    tell.send((host.now().0, number)).unwrap();
                })
            });
            let waits: Vec<_> = waits.collect();
            drop(tell);
            let mut seen = Vec::new();
            while let Some(next) = told.recv().await {
                seen.push(next);
            }
            drop(waits);
            seen
        })
        .unwrap();
    assert_eq!(order, [(10, 1), (10, 3), (20, 2), (30, 0)]);
}

#[test]
fn a_day_of_idleness_is_free() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    net.run(one.sleep(Duration::from_secs(24 * 3600))).unwrap();
    assert_eq!(net.network().now(), Time(24 * 3600 * 1_000_000_000));
    assert_eq!(net.network().capture().len(), 0);
}

#[test]
fn a_dropped_wait_does_not_move_the_clock() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let host = one.clone();
    net.run(async { host.timeout(ms(60_000), host.sleep(ms(1))).await }).unwrap().unwrap();
    net.run_for(ms(1));
    assert_eq!(one.now(), Time::ZERO + ms(2), "the minute's alarm is gone");
}

#[test]
fn a_limit_ends_work_at_its_moment_but_not_before() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let host = one.clone();
    let late = net.run(async { host.timeout(ms(5), host.sleep(ms(6))).await }).unwrap();
    assert_eq!((late, one.now()), (Err(Elapsed), Time::ZERO + ms(5)));
    let just = net.run(async { host.timeout(ms(5), host.sleep(ms(5))).await }).unwrap();
    assert_eq!(just, Ok(()));
}

#[test]
fn a_network_in_which_everyone_waits_says_who() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let stalled = net
        .run(async {
            let socket = one.bind_udp(at(1, 53)).unwrap();
            let wait = one.spawn("dns server", async move { socket.recv_from().await.is_ok() });
            wait.await
        })
        .unwrap_err();
    assert_eq!(stalled.waiting, ["dns server"]);
}

#[test]
fn a_dropped_task_is_stopped_and_a_detached_one_goes_on() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let count = Arc::new(Mutex::new(0));
    let work = |steps: u32| {
        let (host, count) = (one.clone(), Arc::clone(&count));
        async move {
            for _ in 0..steps {
                host.sleep(ms(10)).await;
                *count.lock().await += 1;
            }
        }
    };
    let total = net
        .run(async {
            let dropped = one.spawn("dropped", work(100));
            one.spawn("detached", work(5)).detach();
            one.sleep(ms(15)).await;
            drop(dropped);
            one.sleep(ms(1000)).await;
            *count.lock().await
        })
        .unwrap();
    assert_eq!(total, 6, "one step of the dropped task and five of the detached");
}

#[test]
fn a_panic_ends_its_task_and_nothing_else() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let ended = net
        .run(async {
            let bad = one.spawn("bad", async { assert_eq!(1, 2, "on purpose") });
            one.sleep(ms(1)).await;
            bad.await
        })
        .unwrap();
    assert_eq!(ended, Err(TaskEnded));
}

#[test]
fn shutdown_ends_detached_tasks_and_drops_what_they_own() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let (alive, watch) = oneshot::channel::<()>();
    let host = one.clone();
    one.spawn("forever", async move {
        let _alive = alive;
        host.sleep_until(Time::NEVER).await;
    })
    .detach();
    net.run_for(ms(1));
    net.shutdown();
    assert!(watch.blocking_recv().is_err(), "the task's things were dropped");
    assert!(one.spawn("late", async {}).is_finished(), "no task starts any more");
}

/// How many threads this process has.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Runs alone in a process of its own: the test harness has threads of its own.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_ever_started() {
    if std::env::var_os(ALONE).is_none() {
        let program = std::env::current_exe().unwrap();
        let alone = std::process::Command::new(program)
            .args(["clock::no_thread_is_ever_started", "--exact", "--test-threads=1"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&alone.stdout).into_owned();
        assert!(alone.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let before = threads();
    let (net, one, two) = pair(1, &LinkConfig::default());
    let during = net
        .run(async {
            let listener = two.listen_tcp(at(2, 80)).unwrap();
            let tasks = one.workers("worker", 4, |_| async {});
            let _stream = one.connect_tcp(at(2, 80), capa7_net::Cause::NONE).await.unwrap();
            let _served = listener.accept().await.unwrap();
            for task in tasks {
                task.await.unwrap();
            }
            one.blocking(threads).await
        })
        .unwrap();
    assert_eq!((before, threads()), (during, during));
}

#[cfg(target_os = "linux")]
const ALONE: &str = "CAPA7_TEST_ALONE";

#[test]
fn channels_work_thousands_of_times_also_inside_a_tokio_task() {
    // tokio's channels yield after some hundred messages when they believe that
    // they run in a tokio task; the virtual network must not stall by it.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum = runtime.block_on(async {
        let (net, one, _) = pair(1, &LinkConfig::default());
        net.run(async {
            let (tell, mut told) = mpsc::channel(4);
            let done = Arc::new(Notify::new());
            let ring = Arc::clone(&done);
            let sender = one.spawn("sender", async move {
                for number in 0..10_000_u64 {
                    tell.send(number).await.unwrap();
                }
                ring.notify_one();
            });
            let mut sum = 0;
            while let Some(number) = told.recv().await {
                sum += number;
            }
            done.notified().await;
            sender.await.unwrap();
            sum
        })
        .unwrap()
    });
    assert_eq!(sum, 49_995_000);
}

#[test]
fn random_streams_follow_from_seed_name_and_call() {
    let draw = |seed: u64, name: &str| {
        let net = network(seed);
        let host = host(&net, name, 1, &LinkConfig::default());
        (host.rng().next_u64(), host.rng().next_u64())
    };
    let (first, second) = draw(1, "one");
    assert_eq!(draw(1, "one"), (first, second));
    assert_ne!(first, second);
    assert_ne!(draw(2, "one").0, first);
    assert_ne!(draw(1, "two").0, first);
}

#[test]
fn the_calendar_moves_with_the_clock() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    let before = one.wall_clock();
    net.run_for(Duration::from_secs(90));
    assert_eq!(one.wall_clock().secs() - before.secs(), 90);
}
