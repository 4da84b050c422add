//! AWS as moto has it: what is asked of STS and IAM is what others understand by it.

use std::time::Duration;

use bailiwick_connect::{
    AwsAllow, Broker as _, EndedLease, LeaseOrder, Secret, SecretSource, Sts, StsTarget,
};
use bailiwick_testkit::real::Aws;

use super::{ended, now, order};

fn broker(aws: &Aws) -> Sts {
    let target = StsTarget {
        role: "arn:aws:iam::123456789012:role/agents".into(),
        region: "eu-central-1".into(),
        endpoint: Some(aws.services.clone()),
        iam_endpoint: Some(aws.services.clone()),
        ca: None,
        keys: SecretSource::Held(Secret::new(
            r#"{"Version":1,"AccessKeyId":"AKIAGATEKEEPER","SecretAccessKey":"hunter2"}"#,
        )),
        allow: vec![AwsAllow {
            name: "read".into(),
            actions: vec!["s3:GetObject".into()],
            resources: vec!["arn:aws:s3:::orders/*".into()],
        }],
        hand_out: true,
        deny: true,
        longest: Duration::from_secs(3600),
    };
    Sts::new("aws".parse().unwrap(), target).unwrap()
}

fn wish(number: u8) -> LeaseOrder {
    let lease = bailiwick_model::LeaseId::new(bailiwick_model::Ulid::new(now(), [number; 10]));
    LeaseOrder { lease, ..order(number, &["read"]) }
}

#[tokio::test]
async fn a_session_is_made_and_its_lease_is_denied_by_the_role() {
    let Some(aws) = Aws::start() else { return };
    let broker = broker(&aws);
    for number in [1, 2] {
        let wish = wish(number);
        let issued = broker.issue(&wish).await.unwrap();
        assert!(issued.called.starts_with("ASIA"), "{issued:?}");
        // No session is shorter than a quarter of an hour.
        assert!(Duration::from_secs(850) < issued.until.since(now()), "{issued:?}");
        let over = EndedLease {
            lease: wish.lease,
            called: Some(issued.called),
            keepsake: issued.keepsake,
            ..ended(number)
        };
        broker.revoke(&over).await.unwrap();
        broker.revoke(&over).await.unwrap();
    }
}
