import { CompiledQuery, type Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import { certificateSchema } from './certificate-schema.ts'

const { courseId, text, wholeNumber } = importFormat

const TYPES = ['created', 'changed', 'revoked'].map((change) => `org.openedx.learning.certificate.${change}.v1`)

/** A certificate of one of these says that the learner has passed; of any other, that they have not, or no longer. */
const PASSING: readonly string[] = ['downloadable', 'generating']

/** An event about a certificate. */
export interface CertificateEvent {
  /** ISO 8601. */
  readonly at: string
  readonly data: unknown
}

/**
 * Takes in who has passed which course run, from what the platform says of certificates (enterprise-routes.md §3
 * "Certificates"). Accounts that nobody here knows are left out, and what is no certificate.
 */
export const certificateReceiver = {
  name: 'enterprise.certificates',
  types: TYPES.map((type) => ({ type, topics: ['learning-certificate-lifecycle'], schema: certificateSchema(type) })),
  apply: applyCertificates,
}

const schema = z.object({
  certificate: z.object({
    user: z.object({ id: wholeNumber({ min: 1 }), pii: z.object({ username: text({ max: 150 }) }) }),
    course: z.object({ course_key: courseId() }),
    current_status: z.string(),
  }),
})

async function applyCertificates(trx: Transaction<DB>, events: readonly CertificateEvent[]): Promise<void> {
  const facts = events.flatMap(({ at, data }) => {
    const parsed = schema.safeParse(data)
    if (!parsed.success) return []
    const { user, course, current_status: status } = parsed.data.certificate
    const passedAt = PASSING.includes(status) ? at : null
    return [{ userId: user.id, username: user.pii.username, courseKey: course.course_key.stored, passedAt }]
  })
  if (facts.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(APPLY, [
      facts.map(({ userId }) => userId),
      facts.map(({ username }) => username),
      facts.map(({ courseKey }) => courseKey),
      facts.map(({ passedAt }) => passedAt),
    ]),
  )
}

// The id of the LMS decides who is meant; an account without one is meant by its username. The last word on a learner and a
// course run holds. Whoever has passed, passed when that was first told.
const APPLY = `/* enterprise.applyCertificates */
with news as materialized (
  select distinct on (learner_id, course_key) learner_id, course_key, passed_at
  from (
    select coalesce(i.id, u.id) as learner_id, n.course_key, n.passed_at, n.place
    from unnest((select $1::integer[]), (select $2::text[]), (select $3::text[]), (select $4::timestamptz[]))
      with ordinality as n (user_id, username, course_key, passed_at, place)
    left join learners i on i.user_id = n.user_id and i.is_id_of_lms
    left join learners u on u.username = n.username and not u.is_id_of_lms
  ) known
  where learner_id is not null and not exists (select from retirements r where r.learner_id = known.learner_id)
  order by learner_id, course_key, place desc
), removed as (
  delete from enterprise_completions c using news n
  where n.passed_at is null and c.learner_id = n.learner_id and c.course_key = n.course_key
)
insert into enterprise_completions (learner_id, course_key, passed_at)
select learner_id, course_key, passed_at from news where passed_at is not null
on conflict (learner_id, course_key) do nothing`
