import { z } from 'zod'
import { flag, textOrNumber } from '../../openapi/bulk-enroll.ts'
import { courseId, instant } from '../../openapi/course.ts'

const texts = z.array(z.string()).min(1)
const uuid = z.string().meta({ examples: ['f0000000-0000-4000-8000-000000000005'] })
const address = z.string().nullable().meta({ description: 'An e-mail address.' })

const rowRequest = z.looseObject({
  user_id: textOrNumber
    .optional()
    .meta({ description: "The LMS's id of the learner; 0 counts as absent. It wins over `email`." }),
  email: textOrNumber.optional().meta({ description: 'One of `user_id` and `email` has to be there.' }),
  course_run_key: textOrNumber.meta({ examples: ['course-v1:edX+DemoX+2014'] }),
  license_uuid: textOrNumber.optional().meta({ description: 'What pays: exactly one of license and transaction.' }),
  transaction_id: textOrNumber.optional(),
  force_enrollment: flag.optional(),
  is_default_auto_enrollment: flag.optional(),
})

const rows = z.array(rowRequest).optional()

const enrollLearnersRequest = z
  .looseObject({
    enrollments_info: rows.meta({ description: 'The rows, at most 10 000.' }),
    licenses_info: rows.meta({ description: 'The old name of `enrollments_info`; only one of them may have rows.' }),
    notify: flag.optional().meta({ description: 'Kept with the enrollments, for whoever writes to learners.' }),
    discount: textOrNumber.optional().meta({ description: 'Percent, 0 to 100, with at most 5 places.' }),
    reason: textOrNumber.optional(),
    salesforce_id: textOrNumber.optional(),
  })
  .meta({
    description: 'Fields that are not named here are ignored.',
    examples: [
      {
        enrollments_info: [
          {
            email: 'bob@example.com',
            course_run_key: 'course-v1:edX+DemoX+2014',
            license_uuid: '10000000-0000-4000-8000-000000000001',
          },
        ],
        notify: true,
      },
    ],
  })

const pending = z.strictObject({
  email: address,
  course_run_key: z.string(),
  created: z.boolean(),
  activation_link: z.null(),
})

const success = pending.extend({
  user_id: z.int(),
  created: z.boolean().meta({ description: 'Whether somebody has an enrollment now who had none.' }),
  enterprise_fulfillment_source_uuid: uuid.optional(),
})

const failure = z.strictObject({ user_id: z.int().nullable(), email: address, course_run_key: z.string() })

const enrolledLearners = z
  .strictObject({
    successes: z.array(success),
    pending: z.array(pending).meta({ description: 'Rows that wait for an account with their address.' }),
    failures: z.array(failure),
    invalid_user_ids: z.array(z.int()).optional(),
    invalid_email_addresses: z.array(z.string()).optional(),
  })
  .meta({ description: 'Every row is in one of the lists, and each list has the order of the rows.' })

const faultsOfObject = z.record(z.string(), texts)

const fieldFaults = z
  .record(z.string(), z.union([texts, faultsOfObject, z.array(z.union([texts, faultsOfObject]))]))
  .meta({
    description: 'What is wrong with each field; of rows a list, with nothing at the places of good ones.',
    examples: [{ enrollments_info: [{}, { course_run_key: ['This field is required.'] }] }],
  })

const licenseRevocation = z
  .looseObject({
    user_id: textOrNumber.meta({ description: "The LMS's id of the learner." }),
    enterprise_id: z.string().meta({ description: 'The UUID of the customer.' }),
  })
  .meta({ examples: [{ user_id: 1, enterprise_id: 'aaaaaaaa-0000-4000-8000-000000000001' }] })

const licenseResults = z.record(z.string(), z.strictObject({ success: z.boolean(), message: z.string() })).meta({
  description: 'What became of the licensed enrollments of the learner, by course key.',
  examples: [{ 'course-v1:edX+DemoX+2014': { success: true, message: 'moved to audit' } }],
})

const licenseExpiration = z
  .looseObject({
    expired_license_uuids: z.array(z.string()).min(1).meta({ description: 'At most 10 000.' }),
    ignore_enrollments_modified_after: z
      .string()
      .nullish()
      .meta({ description: 'An instant: enrollments that changed then or later stay as they are.' }),
  })
  .meta({ examples: [{ expired_license_uuids: ['10000000-0000-4000-8000-000000000001'] }] })

const licenseFaults = z
  .strictObject({ expired_license_uuids: z.union([texts, faultsOfObject]) })
  .meta({ examples: [{ expired_license_uuids: { '0': ['Must be a valid UUID.'] } }] })

const funded = {
  enterprise_course_enrollment: z.strictObject({
    enterprise_customer_user: z.int().meta({ description: 'The id of the link of the learner to the customer.' }),
    course_id: courseId,
    unenrolled_at: instant.nullable(),
    created: instant,
  }),
  uuid,
}

const fulfilment = z
  .union([
    z.strictObject({ ...funded, license_uuid: z.string() }),
    z.strictObject({ ...funded, transaction_id: z.string() }),
  ])
  .meta({ description: 'What pays for an enrollment. Whether it was revoked is not told.' })

const courseEnrollment = z.looseObject({
  lms_user_id: textOrNumber
    .optional()
    .meta({ description: 'One of the three names has to lead to a learner of the customer.' }),
  tpa_user_id: textOrNumber.optional(),
  user_email: z.string().optional(),
  course_run_id: textOrNumber,
  course_mode: z.enum(['audit', 'verified', 'professional']),
  cohort: textOrNumber.optional(),
  email_students: flag.optional(),
  is_active: flag.optional().meta({ description: 'False ends the enrollment; true unless given.' }),
})

const courseEnrollmentsRequest = z
  .array(z.union([courseEnrollment, z.unknown()]))
  .max(10_000)
  .meta({
    description: 'What is none of these is told at its place in the answer, and stops no other.',
    examples: [[{ user_email: 'bob@example.com', course_run_id: 'course-v1:edX+DemoX+2014', course_mode: 'audit' }]],
  })

const courseEnrollmentResults = z.array(z.union([z.strictObject({ detail: z.string() }), faultsOfObject])).meta({
  description: 'One for each item: `success`, why it was refused, or what is wrong with its fields.',
  examples: [[{ detail: 'success' }, { course_mode: ['This field is required.'] }]],
})

const queryFaults = z.union([
  z.strictObject({ unenrolled_after: texts }),
  z.strictObject({ retrieve_licensed_enrollments: texts }),
])

/** The bodies of the enterprise routes, by their names in the document. */
export const enterpriseSchemas = {
  EnrollLearnersRequest: enrollLearnersRequest,
  EnrolledLearners: enrolledLearners,
  FieldFaults: fieldFaults,
  CourseEnrollmentsRequest: courseEnrollmentsRequest,
  CourseEnrollmentResults: courseEnrollmentResults,
  LicenseRevocation: licenseRevocation,
  LicenseResults: licenseResults,
  LicenseExpiration: licenseExpiration,
  LicenseFaults: licenseFaults,
  Fulfilment: fulfilment,
  FulfilmentList: z.array(fulfilment),
  QueryFaults: queryFaults,
}
