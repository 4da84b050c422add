//! A record as `CloudTrail` writes it: what of it is read. Some exports write its own names in small letters.

use crate::source::{
    loose::Text,
    scan::{Members, Scan},
};

#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) event_time: Text<'a>,
    pub(super) stamp: Text<'a>,
    pub(super) event_source: Text<'a>,
    pub(super) event_name: Text<'a>,
    pub(super) event_id: Text<'a>,
    pub(super) event_type: Text<'a>,
    pub(super) event_category: Text<'a>,
    pub(super) error_code: Text<'a>,
    pub(super) recipient_account_id: Text<'a>,
    pub(super) read_only: Text<'a>,
    pub(super) management_event: Text<'a>,
    pub(super) user_identity: Identity<'a>,
    pub(super) request_parameters: Params<'a>,
    pub(super) response_elements: Response<'a>,
    /// The first that has a name.
    pub(super) resource: Text<'a>,
}

impl<'a> Members<'a> for Record<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"eventTime" | b"eventtime" => self.event_time = value.text()?,
            b"@timestamp" => self.stamp = value.text()?,
            b"eventSource" | b"eventsource" => self.event_source = value.text()?,
            b"eventName" | b"eventname" => self.event_name = value.text()?,
            b"eventID" | b"eventid" => self.event_id = value.text()?,
            b"eventType" | b"eventtype" => self.event_type = value.text()?,
            b"eventCategory" | b"eventcategory" => self.event_category = value.text()?,
            b"errorCode" | b"errorcode" => self.error_code = value.text()?,
            b"recipientAccountId" | b"recipientaccountid" => {
                self.recipient_account_id = value.text()?;
            }
            b"readOnly" | b"readonly" => self.read_only = value.text()?,
            b"managementEvent" | b"managementevent" => self.management_event = value.text()?,
            b"userIdentity" | b"useridentity" => {
                let _is_object = value.object_to(&mut self.user_identity)?;
            }
            b"requestParameters" | b"requestparameters" => {
                let _is_object = value.object_to(&mut self.request_parameters)?;
            }
            b"responseElements" | b"responseelements" => {
                let _is_object = value.object_to(&mut self.response_elements)?;
            }
            b"resources" => {
                let mut first = Text::default();
                value.objects(|it: Resource<'a>| {
                    if first.is_empty() {
                        first = it.arn;
                    }
                })?;
                self.resource = first;
            }
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) kind: Text<'a>,
    pub(super) principal_id: Text<'a>,
    pub(super) arn: Text<'a>,
    pub(super) account_id: Text<'a>,
    pub(super) access_key_id: Text<'a>,
    pub(super) user_name: Text<'a>,
    pub(super) invoked_by: Text<'a>,
    pub(super) provider: Text<'a>,
    pub(super) session_context: Context<'a>,
}

impl<'a> Members<'a> for Identity<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"type" => self.kind = value.text()?,
            b"principalId" => self.principal_id = value.text()?,
            b"arn" => self.arn = value.text()?,
            b"accountId" => self.account_id = value.text()?,
            b"accessKeyId" => self.access_key_id = value.text()?,
            b"userName" => self.user_name = value.text()?,
            b"invokedBy" => self.invoked_by = value.text()?,
            b"identityProvider" => self.provider = value.text()?,
            b"sessionContext" => {
                let _is_object = value.object_to(&mut self.session_context)?;
            }
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Context<'a> {
    pub(super) issuer: Issuer<'a>,
    pub(super) ec2_role_delivery: Text<'a>,
    pub(super) source_identity: Text<'a>,
}

impl<'a> Members<'a> for Context<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"sessionIssuer" => {
                let _is_object = value.object_to(&mut self.issuer)?;
            }
            b"ec2RoleDelivery" => self.ec2_role_delivery = value.text()?,
            b"sourceIdentity" => self.source_identity = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Issuer<'a> {
    pub(super) arn: Text<'a>,
}

impl<'a> Members<'a> for Issuer<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"arn" => self.arn = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}

/// What requests say of what they are about, and what they hand over.
#[derive(Debug, Default)]
pub(super) struct Params<'a> {
    pub(super) bucket_name: Text<'a>,
    pub(super) key: Text<'a>,
    pub(super) role_arn: Text<'a>,
    /// Whether a role is named, by each of its other names.
    pub(super) roles: [bool; 5],
    pub(super) iam_instance_profile: bool,
    pub(super) tag_specification_set: bool,
    pub(super) user_name: Text<'a>,
    pub(super) role_name: Text<'a>,
    pub(super) function_name: Text<'a>,
    pub(super) secret_id: Text<'a>,
    pub(super) table_name: Text<'a>,
    pub(super) key_id: Text<'a>,
    pub(super) queue_url: Text<'a>,
    pub(super) topic_arn: Text<'a>,
}

/// Says whether a text names a role by its ARN.
pub(super) fn is_role(text: &Text<'_>) -> bool {
    text.0.contains(":role/")
}

impl<'a> Members<'a> for Params<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"bucketName" => self.bucket_name = value.text()?,
            b"key" => self.key = value.text()?,
            b"roleArn" => self.role_arn = value.text()?,
            b"roleARN" => self.roles[0] = is_role(&value.text()?),
            b"role" => self.roles[1] = is_role(&value.text()?),
            b"executionRoleArn" => self.roles[2] = is_role(&value.text()?),
            b"taskRoleArn" => self.roles[3] = is_role(&value.text()?),
            b"serviceRole" => self.roles[4] = is_role(&value.text()?),
            b"iamInstanceProfile" => self.iam_instance_profile = value.has_members()?,
            b"tagSpecificationSet" => self.tag_specification_set = value.has_members()?,
            b"userName" => self.user_name = value.text()?,
            b"roleName" => self.role_name = value.text()?,
            b"functionName" => self.function_name = value.text()?,
            b"secretId" => self.secret_id = value.text()?,
            b"tableName" => self.table_name = value.text()?,
            b"keyId" => self.key_id = value.text()?,
            b"queueUrl" => self.queue_url = value.text()?,
            b"topicArn" => self.topic_arn = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Response<'a> {
    pub(super) credentials: Credentials<'a>,
    pub(super) assumed_role_user: Issuer<'a>,
    pub(super) federated_user: Issuer<'a>,
    pub(super) access_key: Credentials<'a>,
    pub(super) console_login: Text<'a>,
}

impl<'a> Members<'a> for Response<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"credentials" => {
                let _is_object = value.object_to(&mut self.credentials)?;
            }
            b"assumedRoleUser" => {
                let _is_object = value.object_to(&mut self.assumed_role_user)?;
            }
            b"federatedUser" => {
                let _is_object = value.object_to(&mut self.federated_user)?;
            }
            b"accessKey" => {
                let _is_object = value.object_to(&mut self.access_key)?;
            }
            b"ConsoleLogin" => self.console_login = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Credentials<'a> {
    pub(super) access_key_id: Text<'a>,
    pub(super) expiration: Text<'a>,
    pub(super) user_name: Text<'a>,
}

impl<'a> Members<'a> for Credentials<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"accessKeyId" => self.access_key_id = value.text()?,
            b"userName" => self.user_name = value.text()?,
            b"expiration" => self.expiration = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}

#[derive(Debug, Default)]
struct Resource<'a> {
    arn: Text<'a>,
}

impl<'a> Members<'a> for Resource<'a> {
    fn member(&mut self, name: &[u8], value: &mut Scan<'a>) -> Option<()> {
        match name {
            b"ARN" | b"arn" => self.arn = value.text()?,
            _ => value.skip()?,
        }
        Some(())
    }
}
