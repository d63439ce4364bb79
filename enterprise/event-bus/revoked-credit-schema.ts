/** The event that a fulfilment of learner credit was revoked. */
export const REVOKED_CREDIT = 'org.openedx.enterprise.learner_credit_course_enrollment.revoked.v1'

const text = (name: string) => ({ name, type: 'string' })
const long = (name: string) => ({ name, type: 'long' })
const flag = (name: string) => ({ name, type: 'boolean' })
const optional = (name: string, type: unknown) => ({ name, type: ['null', type], default: null })

const CUSTOMER_USER = {
  type: 'record',
  name: 'EnterpriseCustomerUser',
  fields: [
    long('id'),
    text('created'),
    text('modified'),
    text('enterprise_customer_uuid'),
    long('user_id'),
    flag('active'),
    flag('linked'),
    flag('is_relinkable'),
    flag('should_inactivate_other_customers'),
    optional('invite_key', 'string'),
  ],
}

const COURSE_ENROLLMENT = {
  type: 'record',
  name: 'EnterpriseCourseEnrollment',
  fields: [
    long('id'),
    text('created'),
    text('modified'),
    { name: 'enterprise_customer_user', type: CUSTOMER_USER },
    text('course_id'),
    flag('saved_for_later'),
    optional('source_slug', 'string'),
    optional('unenrolled', 'boolean'),
    optional('unenrolled_at', 'string'),
  ],
}

/** Its Avro schema: `LearnerCreditEnterpriseCourseEnrollment` of openedx-events. */
export const revokedCreditSchema = {
  type: 'record',
  name: 'CloudEvent',
  namespace: REVOKED_CREDIT,
  fields: [
    {
      name: 'learner_credit_course_enrollment',
      type: {
        type: 'record',
        name: 'LearnerCreditEnterpriseCourseEnrollment',
        fields: [
          text('uuid'),
          text('created'),
          text('modified'),
          text('fulfillment_type'),
          flag('is_revoked'),
          optional('enterprise_course_entitlement_uuid', 'string'),
          optional('enterprise_course_enrollment', COURSE_ENROLLMENT),
          optional('transaction_id', 'string'),
        ],
      },
    },
  ],
}
