//! Many producers at once: syncs are shared.

use std::{collections::HashSet, sync::Arc};

use postern_spool::Spool;

use crate::common::{claim_all, delivered, open, submission};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_producers_share_syncs() {
    const PRODUCERS: usize = 64;
    const EACH: usize = 20;
    let directory = tempfile::tempdir().unwrap();
    let spool = Arc::new(open(directory.path()));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..EACH {
                    let content = vec![b'x'; 2000];
                    ids.push(
                        spool
                            .accept(submission(&["a@x.example"], content))
                            .await
                            .unwrap(),
                    );
                }
                ids
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for producer in producers {
        ids.extend(producer.await.unwrap());
    }
    assert_eq!(ids.len(), PRODUCERS * EACH);
    let figures = spool.figures();
    assert_eq!(figures.accepted, ids.len() as u64);
    // With a sync each it would be as many commits as messages.
    assert!(figures.commits * 4 < figures.accepted, "{figures:?}");

    let claims = claim_all(spool.as_ref()).await;
    assert_eq!(
        claims
            .iter()
            .map(|claim| claim.id())
            .collect::<HashSet<_>>(),
        ids
    );
    let before = spool.figures().commits;
    let settling: Vec<_> = claims
        .into_iter()
        .map(|claim| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move { spool.settle(&claim, delivered(&claim)).await.unwrap() })
        })
        .collect();
    for settled in settling {
        assert_eq!(settled.await.unwrap().waiting, 0);
    }
    let commits = spool.figures().commits - before;
    assert!(
        commits * 4 < ids.len() as u64,
        "{commits} commits for removals"
    );
    assert_eq!(spool.figures().messages, 0);
}
