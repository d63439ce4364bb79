import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { enrollmentOfPair, type CourseKey, type importFormat } from '../../routers/extension.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { lockNamedLearners } from './named-learners.ts'

/** How a line names an enrollment that a customer knows of. */
interface EnrollmentNames {
  readonly customer: string
  readonly username: string
  readonly courseId: CourseKey
}

/** What is stored for a line; null together with the columns after each. */
export interface StoredReferences {
  readonly link_id: string | null
  /** The id under which the link is shown. */
  readonly known_link_id: string
  readonly enrollment_id: string | null
  readonly version: number
  readonly record_id: string | null
  readonly created: string
  readonly shown_link_id: string | null
}

/**
 * Locks the accounts that lines name, and reads the link, the enrollment and the record of each line.
 *
 * @returns a function that answers what is stored for one of these lines; `reason`: the customer or the account is not there.
 */
export async function referencesFinder<Line extends importFormat.NumberedLine<EnrollmentNames & { type: string }>>(
  trx: Transaction<DB>,
  lines: readonly Line[],
  added: importFormat.Added,
): Promise<(line: Line) => StoredReferences | { readonly reason: string }> {
  const named = lines.map((numbered) => numbered.line)
  const learnerOf = await lockNamedLearners(trx, named, added)
  const customerOf = await customerFinder(
    trx,
    named.map(({ customer }) => customer),
    added,
  )
  const found = lines.map(({ number, line }) => {
    const customerId = customerOf(line.customer, number)
    if (customerId === undefined) return { reason: `customer: ${noCustomer(line.customer)}` }
    const learner = learnerOf({ username: line.username }, number)
    if ('reason' in learner) return learner
    return 'learnerId' in learner ? { customerId, learnerId: learner.learnerId } : { reason: 'username: is missing' }
  })
  const { rows } = await trx.executeQuery<StoredReferences>(
    CompiledQuery.raw(READ, [
      found.map((one) => ('reason' in one ? null : one.customerId)),
      found.map((one) => ('reason' in one ? null : one.learnerId)),
      named.map(({ courseId }) => courseId.stored),
    ]),
  )
  const referencesOf = new Map(
    lines.map((line, index) => {
      const one = found[index]
      return [line, one !== undefined && 'reason' in one ? one : rows[index]]
    }),
  )
  return (line) => {
    const references = referencesOf.get(line)
    if (references === undefined) throw new RangeError('Each line has one row')
    return references
  }
}

const READ = `/* enterprise.importReferences */
select k.id as link_id, coalesce(k.shown_id, k.id) as known_link_id, e.id as enrollment_id, e.version, r.id as record_id, r.created, r.shown_link_id
from unnest((select $1::integer[]), (select $2::integer[]), (select $3::text[])) with ordinality
  as a (customer_id, learner_id, course_key, n)
left join enterprise_learner_links k on k.customer_id = a.customer_id and k.learner_id = a.learner_id
left join courses c on c.course_key = a.course_key
left join ${enrollmentOfPair('a.learner_id', 'c.id')} e on true
left join enterprise_enrollment_records r on r.link_id = k.id and r.course_key = a.course_key
order by a.n`
