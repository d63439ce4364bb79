import { UNREADABLE, UNSTORABLE } from '../../openapi/answers.ts'
import type { ParameterSpec, RouteSpec } from '../../openapi/operation.ts'
import type { SchemaName } from '../../openapi/schemas.ts'
import type { enterpriseSchemas } from './schemas.ts'

type EnterpriseRoute = RouteSpec<SchemaName | keyof typeof enterpriseSchemas>

const BASE = '/enterprise/api/v1/'

const customer: ParameterSpec = {
  name: 'customer',
  in: 'path',
  description: 'The UUID of the customer.',
  example: 'aaaaaaaa-0000-4000-8000-000000000001',
}

const fulfilment: ParameterSpec = {
  name: 'fulfillment',
  in: 'path',
  description: 'The UUID of the fulfilment.',
  example: 'f0000000-0000-4000-8000-000000000005',
}

const common = { tag: 'Enterprise', credentials: ['token', 'cookies'], isThrottled: true, envelope: 'Detail' } as const

const TOO_LARGE = {
  description: 'The body is larger than 8 MiB, or has more than 10 000 rows.',
  bodies: ['Detail'],
} as const

const enrollLearners: EnterpriseRoute = {
  ...common,
  path: `${BASE}enterprise-customer/{customer}/enroll_learners_in_courses/`,
  mayNotExist: true,
  methods: {
    post: {
      id: 'enrollLearnersInCourses',
      summary: 'Enrolls learners of a customer, each by what pays for it',
      description:
        'For global staff and admins of the customer. Rows stand for themselves: the good ones are kept. Who has no account waits for one with the address. For admins a `user_id` counts only where that learner is linked to the customer.',
      parameters: [customer],
      body: { schema: 'EnrollLearnersRequest', forms: false },
      answers: {
        201: { description: 'All rows are enrolled.', bodies: ['EnrolledLearners'] },
        202: { description: 'All rows are good; some wait for an account.', bodies: ['EnrolledLearners'] },
        ...UNREADABLE,
        400: {
          description: 'The body cannot be read, or anything is wrong with any row; nothing is done.',
          bodies: ['FieldFaults', 'Message', 'Detail'],
        },
        409: { description: 'Some rows failed; the others are kept.', bodies: ['EnrolledLearners'] },
        413: TOO_LARGE,
      },
    },
  },
}

const courseEnrollments: EnterpriseRoute = {
  ...common,
  path: `${BASE}enterprise-customer/{customer}/course_enrollments/`,
  mayNotExist: true,
  methods: {
    post: {
      id: 'changeCourseEnrollments',
      summary: 'Enrolls learners of a customer, or ends their enrollments, without funding',
      description:
        'For global staff and admins of the customer. Each item has its answer. The slash at the end may be left out.',
      parameters: [customer],
      body: { schema: 'CourseEnrollmentsRequest', forms: false },
      answers: {
        200: { description: 'What became of each item.', bodies: ['CourseEnrollmentResults'] },
        ...UNREADABLE,
        400: {
          description: 'The body cannot be read, or is no list; nothing is done.',
          bodies: ['FieldFaults', 'Message', 'Detail'],
        },
        413: TOO_LARGE,
      },
    },
  },
}

const licenseRevoke: EnterpriseRoute = {
  ...common,
  path: `${BASE}licensed-enterprise-course-enrollment/license_revoke/`,
  methods: {
    post: {
      id: 'revokeLicenses',
      summary: 'Revokes all licenses of a learner of a customer',
      description:
        'For global staff and admins of the customer. Each enrollment goes on in audit or ends, unless something else pays for it or the course run is completed. The slash at the end may be left out.',
      body: { schema: 'LicenseRevocation', forms: true },
      answers: {
        200: { description: 'Done; also where nothing was to be done.', bodies: ['LicenseResults'] },
        ...UNREADABLE,
        400: {
          description: 'The body cannot be read, or a field is missing.',
          bodies: ['PlainWords', 'Message', 'Detail'],
        },
        404: { description: 'No such learner is linked to such a customer.', bodies: ['Detail'] },
        413: TOO_LARGE,
        422: { description: 'Some of it failed; a repeat goes on.', bodies: ['LicenseResults'] },
      },
    },
  },
}

const licensesExpiration: EnterpriseRoute = {
  ...common,
  path: `${BASE}licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/`,
  methods: {
    post: {
      id: 'expireLicenses',
      summary: 'Revokes licenses that have expired, of all customers',
      description: 'For global staff. Licenses that nobody knows do nothing. The slash at the end may be left out.',
      parameters: [
        {
          name: 'ignore_enrollments_modified_after',
          in: 'query',
          description: 'An instant, where the body has none.',
        },
      ],
      body: { schema: 'LicenseExpiration', forms: false },
      answers: {
        200: { description: 'Done.' },
        ...UNREADABLE,
        400: {
          description: 'The body cannot be read, or a field is wrong; nothing is done.',
          bodies: ['PlainWords', 'LicenseFaults', 'Message', 'Detail'],
        },
        413: TOO_LARGE,
        422: { description: 'Some of it is not done; a repeat goes on.' },
      },
    },
  },
}

const readFulfilment: EnterpriseRoute = {
  ...common,
  path: `${BASE}enterprise-subsidy-fulfillment/{fulfillment}/`,
  mayNotExist: true,
  methods: {
    get: {
      id: 'readFulfilment',
      summary: 'What pays for an enrollment',
      description: 'For global staff and admins of the customer. The slash at the end may be left out.',
      parameters: [fulfilment],
      answers: { 200: { description: 'The fulfilment.', bodies: ['Fulfilment'] }, ...UNSTORABLE },
    },
  },
}

const cancelFulfilment: EnterpriseRoute = {
  ...common,
  path: `${BASE}enterprise-subsidy-fulfillment/{fulfillment}/cancel-fulfillment`,
  mayNotExist: true,
  methods: {
    post: {
      id: 'cancelFulfilment',
      summary: 'Ends what a fulfilment pays for',
      description:
        'For global staff and admins of the customer. The enrollment ends unless something else pays for it. A body is not read. The path may end in a slash.',
      parameters: [fulfilment],
      answers: {
        200: { description: 'It was cancelled before.', bodies: ['Detail'] },
        204: { description: 'Cancelled.' },
        ...UNSTORABLE,
        500: { description: 'A rule of the site is against it; nothing is done.', bodies: ['PlainWords', 'Detail'] },
      },
    },
  },
}

const unenrolled: EnterpriseRoute = {
  ...common,
  path: `${BASE}operator/enterprise-subsidy-fulfillment/unenrolled/`,
  methods: {
    get: {
      id: 'listUnenrolled',
      summary: 'What paid for enrollments that have ended',
      description: 'For global staff; of all customers. The slash at the end may be left out.',
      parameters: [
        {
          name: 'unenrolled_after',
          in: 'query',
          description: 'An instant: those that ended then or later.',
          example: '2026-02-22T12:00:00Z',
        },
        {
          name: 'retrieve_licensed_enrollments',
          in: 'query',
          description: 'A truth value: licenses and not transactions.',
          example: 'true',
        },
      ],
      answers: {
        200: { description: 'All of them, the one that ended first before the others.', bodies: ['FulfilmentList'] },
        400: { description: 'A parameter is wrong, or cannot be stored.', bodies: ['QueryFaults', 'Message'] },
      },
    },
  },
}

/** The routes of enterprise (enterprise C.1, enterprise-routes.md §2). */
export const enterpriseRoutes: readonly EnterpriseRoute[] = [
  enrollLearners,
  courseEnrollments,
  licenseRevoke,
  licensesExpiration,
  readFulfilment,
  cancelFulfilment,
  unenrolled,
]
