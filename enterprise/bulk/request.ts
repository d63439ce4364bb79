import { z } from 'zod'
import { storableText } from '../../routers/extension.ts'
import { RECORD_SOURCES } from '../record-source.ts'

/** What pays for an enrollment: a license, or a transaction of a ledger, by its UUID. */
const funding = z.union([z.strictObject({ license: z.string() }), z.strictObject({ transaction: z.string() })], {
  error: 'A row is funded by either a license or a transaction',
})

/** Ids, addresses, course keys and funding are any text here: what is wrong with them is the row's own refusal. */
const enrollLearnersRow = z
  .strictObject({
    /** The caller's name for the row; comes back in its outcome. */
    ref: storableText(255).optional(),
    userId: z.string().min(1).optional(),
    username: z.string().min(1).optional(),
    email: z.string().trim().min(1).optional(),
    courseId: z.string().min(1),
    /** Left out: the best mode that the course run offers. */
    mode: storableText(100).min(1).optional(),
    funding: funding.optional(),
    /** The exact name of a cohort of the course run, into which whoever is enrolled by this row is put. */
    cohort: storableText(1_000_000).min(1).optional(),
    /** Lifts window, invitation and allowance, never the capacity. */
    force: z.boolean().default(false),
    isDefaultAutoEnrollment: z.boolean().default(false),
    /** Lets a revoked license pay again. */
    reviveRevoked: z.boolean().default(false),
    /** Whether the learner is told who is enrolled by this row; left out: as the request says. */
    notify: z.boolean().optional(),
    /** What a new record says of how it came; left out: `customerAdmin`. */
    source: z.enum(RECORD_SOURCES).optional(),
    /**
     * What becomes of an enrollment that exists: it gets the mode of the row (`update`, also where this is left out), or only if
     * it is inactive or that leads from audit or honor to a paid mode (`upgrade`, enterprise-routes.md §2.6).
     */
    whenEnrolled: z.enum(['update', 'upgrade']).optional(),
  })
  .refine(({ userId, username, email }) => userId !== undefined || username !== undefined || email !== undefined, {
    error: 'Name the learner by userId, username or email',
  })

/** What `enrollLearners` takes (enterprise C.1, C.11). */
export const enrollLearnersRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string(),
  rows: z.array(enrollLearnersRow).min(1),
  failureMode: z.enum(['bestEffort', 'strict']).default('bestEffort'),
  dryRun: z.boolean().default(false),
  idempotencyKey: storableText(255).min(1).optional(),
  /** Whether learners are told who are enrolled by this request. */
  notify: z.boolean().default(false),
  /** In percent; kept with rows that wait for an account. */
  discount: z.number().min(0).max(100).default(100),
  reason: storableText(2000).optional(),
  salesforceId: storableText(255).optional(),
  /** What a row means whose names are of different accounts: it is refused, or its userId alone counts. */
  whenIdentityDiffers: z.enum(['refuse', 'idWins']).default('refuse'),
  /**
   * What a license does that was revoked for the enrollment: it is refused unless the row says `reviveRevoked`, or pays again
   * if the request names no other license for the learner and the course run that was not (enterprise-routes.md §3, enterprise-routes.md §7.2).
   */
  whenLicenseRevoked: z.enum(['refuse', 'reviveAlone']).default('refuse'),
  /** What a transaction does where another one pays that is not known to be committed (enterprise-routes.md §3 a7). */
  whenTransactionDiffers: z.enum(['supersede', 'refuse']).default('supersede'),
  /** Whom a userId may mean: anybody, or only whoever the customer is linked with now (enterprise-routes.md §3 c). */
  userIdsOf: z.enum(['anybody', 'linked']).default('anybody'),
})

export type EnrollLearnersRequest = z.input<typeof enrollLearnersRequest>

type ParsedRequest = z.output<typeof enrollLearnersRequest>

/** What is asked for one learner in one course run. */
export type RequestedRow = ParsedRequest['rows'][number]

/** What a row does to an enrollment that exists. */
export type WhenEnrolled = NonNullable<RequestedRow['whenEnrolled']>

/** How a request wants its rows enrolled. */
export type EnrollLearnersOptions = Omit<ParsedRequest, 'customer' | 'rows' | 'reason' | 'idempotencyKey'>
