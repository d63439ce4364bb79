import { sql, type Kysely, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'

/** The way by which an account came. */
export type ArrivalVia = 'rest' | 'cli'

/**
 * Notes which of the accounts that are new, active again or at another address have allowances that are to enroll them by
 * themselves (rest-v1 D18). Who notes only adds rows: nobody is enrolled here.
 *
 * @param trx the transaction that writes the accounts.
 */
export async function noteArrivals(trx: Transaction<DB>, usernames: readonly string[], via: ArrivalVia): Promise<void> {
  if (usernames.length === 0) return
  await sql`
    insert into auto_enrollment_arrivals (learner_id, via)
    select l.id, ${via}::text from learners l
    where l.username = any ((select ${usernames}::text[])::text[]) and l.is_active and exists (
      select from enrollment_allowances w where fold_email(w.email) = fold_email(l.email)
        and w.auto_enroll and w.claimed_by is null and w.auto_enroll_settled is null)`.execute(trx)
}

/** Where a sweep begins. */
export const SWEEP_START = 0

/**
 * Looks whether active accounts have come to addresses that staff enrolls, while neither saw the other: a bulk enrollment
 * that finds an active account enrolls it, so an allowance that it left beside one was written at the same time.
 *
 * @param page.limit how many allowances are looked at.
 * @returns where the next sweep goes on, and how many accounts were found.
 */
export async function sweepAllowances(
  db: Kysely<DB>,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<{ after: number; found: number }> {
  const { rows } = await sql<{ last: number | null; size: number; found: number }>`
    with page as materialized (
      select id, fold_email(email) as email, course_key from enrollment_allowances
      where auto_enroll and claimed_by is null and auto_enroll_settled is null and id > ${after}::integer
      order by id limit ${limit}::integer
    ), found as (
      insert into auto_enrollment_arrivals (learner_id, via)
      select distinct l.id, 'rest' from page join learners l on fold_email(l.email) = page.email and l.is_active
      where not exists (select from courses c where c.course_key = page.course_key and c.owner <> 'here') and exists (select from manual_enrollments m where fold_email(m.email) = page.email
          and m.course_key = page.course_key and m.transition like '%allowed to enroll')
        and not exists (select from auto_enrollment_arrivals a where a.learner_id = l.id)
      returning 1
    )
    select (select max(id) from page) as last, (select count(*)::integer from page) as size,
      (select count(*)::integer from found) as found`.execute(db)
  const [page] = rows
  if (page === undefined) throw new RangeError('A sweep tells how far it came')
  return { after: page.size < limit ? SWEEP_START : (page.last ?? SWEEP_START), found: page.found }
}
