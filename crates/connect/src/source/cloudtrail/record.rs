//! A record as `CloudTrail` writes it: what of it is read. Some exports write its own names in small letters.

use std::borrow::Cow;

use serde::Deserialize;

use crate::source::loose::{List, Object, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Record<'a> {
    #[serde(borrow, alias = "eventtime")]
    pub(super) event_time: Text<'a>,
    #[serde(borrow, rename = "@timestamp")]
    pub(super) stamp: Text<'a>,
    #[serde(borrow, alias = "eventsource")]
    pub(super) event_source: Text<'a>,
    #[serde(borrow, alias = "eventname")]
    pub(super) event_name: Text<'a>,
    #[serde(borrow, rename = "eventID", alias = "eventid")]
    pub(super) event_id: Text<'a>,
    #[serde(borrow, alias = "eventtype")]
    pub(super) event_type: Text<'a>,
    #[serde(borrow, alias = "eventcategory")]
    pub(super) event_category: Text<'a>,
    #[serde(borrow, alias = "errorcode")]
    pub(super) error_code: Text<'a>,
    #[serde(borrow, alias = "recipientaccountid")]
    pub(super) recipient_account_id: Text<'a>,
    #[serde(borrow, alias = "readonly")]
    pub(super) read_only: Text<'a>,
    #[serde(borrow, alias = "managementevent")]
    pub(super) management_event: Text<'a>,
    #[serde(borrow, alias = "useridentity")]
    pub(super) user_identity: Object<Identity<'a>>,
    #[serde(borrow, alias = "requestparameters")]
    pub(super) request_parameters: Object<Params<'a>>,
    #[serde(borrow, alias = "responseelements")]
    pub(super) response_elements: Object<Response<'a>>,
    #[serde(borrow)]
    pub(super) resources: List<Object<Resource<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) principal_id: Text<'a>,
    #[serde(borrow)]
    pub(super) arn: Text<'a>,
    #[serde(borrow)]
    pub(super) account_id: Text<'a>,
    #[serde(borrow)]
    pub(super) access_key_id: Text<'a>,
    #[serde(borrow)]
    pub(super) user_name: Text<'a>,
    #[serde(borrow)]
    pub(super) invoked_by: Text<'a>,
    #[serde(borrow, rename = "identityProvider")]
    pub(super) provider: Text<'a>,
    #[serde(borrow)]
    pub(super) session_context: Object<Context<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Context<'a> {
    #[serde(borrow, rename = "sessionIssuer")]
    pub(super) issuer: Object<Issuer<'a>>,
    #[serde(borrow)]
    pub(super) ec2_role_delivery: Text<'a>,
    #[serde(borrow)]
    pub(super) source_identity: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Issuer<'a> {
    #[serde(borrow)]
    pub(super) arn: Text<'a>,
}

/// What requests say of what they are about, and what they hand over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Params<'a> {
    #[serde(borrow)]
    pub(super) bucket_name: Text<'a>,
    #[serde(borrow)]
    pub(super) key: Text<'a>,
    #[serde(borrow)]
    pub(super) role_arn: Text<'a>,
    #[serde(borrow, rename = "roleARN")]
    pub(super) role_arn_too: Text<'a>,
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    #[serde(borrow)]
    pub(super) execution_role_arn: Text<'a>,
    #[serde(borrow)]
    pub(super) task_role_arn: Text<'a>,
    #[serde(borrow)]
    pub(super) service_role: Text<'a>,
    pub(super) iam_instance_profile: Object<Given>,
    pub(super) tag_specification_set: Object<Given>,
    #[serde(borrow)]
    pub(super) user_name: Text<'a>,
    #[serde(borrow)]
    pub(super) role_name: Text<'a>,
    #[serde(borrow)]
    pub(super) function_name: Text<'a>,
    #[serde(borrow)]
    pub(super) secret_id: Text<'a>,
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    #[serde(borrow)]
    pub(super) key_id: Text<'a>,
    #[serde(borrow)]
    pub(super) queue_url: Text<'a>,
    #[serde(borrow)]
    pub(super) topic_arn: Text<'a>,
}

/// An object that is there with something in it.
#[derive(Debug, Default)]
pub(super) struct Given(pub(super) bool);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let members =
            std::collections::BTreeMap::<Cow<'de, str>, serde::de::IgnoredAny>::deserialize(input)?;
        Ok(Self(!members.is_empty()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) credentials: Object<Credentials<'a>>,
    #[serde(borrow)]
    pub(super) assumed_role_user: Object<Issuer<'a>>,
    #[serde(borrow)]
    pub(super) federated_user: Object<Issuer<'a>>,
    #[serde(borrow)]
    pub(super) access_key: Object<Credentials<'a>>,
    #[serde(borrow, rename = "ConsoleLogin")]
    pub(super) console_login: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Credentials<'a> {
    #[serde(borrow)]
    pub(super) access_key_id: Text<'a>,
    #[serde(borrow)]
    pub(super) expiration: Text<'a>,
    #[serde(borrow)]
    pub(super) user_name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource<'a> {
    #[serde(borrow, rename = "ARN", alias = "arn")]
    pub(super) arn: Text<'a>,
}
