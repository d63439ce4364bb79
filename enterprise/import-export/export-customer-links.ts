import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseDB, EnterpriseTables } from '../database/schema.ts'

const { PAGE_SIZE, pagesOfLines } = importFormat

/**
 * Exports the links of accounts, and after them those of addresses. An address that has got an account meanwhile stands
 * for that account, as it does when it is imported: its link is written under the username, unless the account has one itself. A link
 * that an account has taken over is exported as that of the account alone, unless the address has no account now and something
 * waits behind it.
 */
export async function* exportCustomerLinks(db: Kysely<DB>): AsyncGenerator<string> {
  const tables = db.$extendTables<EnterpriseTables>()
  yield* exportLearnerLinks(tables)
  yield* exportPendingLinks(tables, { ofAccounts: true })
  yield* exportPendingLinks(tables, { ofAccounts: false })
}

function exportLearnerLinks(db: Kysely<EnterpriseDB>): AsyncGenerator<string> {
  const page = db
    .selectFrom('enterprise_learner_links as k')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select(['k.id', 'c.uuid', 'l.username', 'k.is_linked', 'k.is_permanently_unlinked'])
    .select(['k.is_active', 'k.created', 'k.is_created_known', 'k.shown_id'])
    .orderBy('k.id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: string } | null) => page.where('k.id', '>', after?.id ?? '0').execute(),
    (row) => ({
      ...lineOf(row, { username: row.username }),
      // Said only where it is so, or was brought.
      ...(row.is_active && { isActive: true }),
      ...(row.is_created_known && { created: row.created }),
      ...(row.shown_id !== null && { id: Number(row.shown_id) }),
    }),
  )
}

function exportPendingLinks(
  db: Kysely<EnterpriseDB>,
  { ofAccounts }: { readonly ofAccounts: boolean },
): AsyncGenerator<string> {
  const page = db
    .selectFrom('enterprise_pending_links as k')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .leftJoin('learners as l', (join) => join.on(sql<boolean>`fold_email(l.email) = k.email`))
    .leftJoin('enterprise_learner_links as own', (join) =>
      join.onRef('own.learner_id', '=', 'l.id').onRef('own.customer_id', '=', 'k.customer_id'),
    )
    .select(['k.id', 'k.email', 'c.uuid', 'l.username', 'k.is_linked', 'k.is_permanently_unlinked'])
    .where((where) =>
      where.or([
        where('k.taken_by', 'is', null),
        where.and([
          where('l.id', 'is', null),
          sql<boolean>`exists (
            select from enterprise_pending_enrollments p where p.pending_link_id = k.id and p.state = 'waiting'
          )`,
        ]),
      ]),
    )
    .where('own.id', 'is', null)
    .where('l.id', ofAccounts ? 'is not' : 'is', null)
    .orderBy('k.id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: string } | null) => page.where('k.id', '>', after?.id ?? '0').execute(),
    (row) => lineOf(row, row.username === null ? { email: row.email } : { username: row.username }),
  )
}

function lineOf(
  link: { uuid: string; is_linked: boolean; is_permanently_unlinked: boolean },
  name: { username: string } | { email: string },
) {
  return {
    type: 'customerLink',
    customer: link.uuid,
    ...name,
    isLinked: link.is_linked,
    isPermanentlyUnlinked: link.is_permanently_unlinked,
  }
}
