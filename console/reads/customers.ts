import { TRPCError } from '@trpc/server'
import { sql, type Kysely } from 'kysely'
import { z } from 'zod'
import type { EnterpriseDB, EnterpriseTables } from '../../enterprise/database/schema.ts'
import { foldEmail } from '../../core/learner/email-address.ts'
import { storableText } from '../../core/text.ts'
import { query } from '../../routers/operation.ts'
import { WAITING_COLUMNS } from './funding.ts'
import { containing, cutPage, limit, pageOf, searchText } from './page.ts'

const customer = {
  uuid: z.string(),
  name: z.string(),
  slug: z.string().nullable(),
  created: z.string(),
  learners: z.number().int(),
  waiting: z.number().int(),
}

/** Customers by their ids, with how many learners each has, and how many enrollments wait for an account. */
export const listCustomers = query({
  input: z
    .strictObject({
      text: searchText,
      cursor: z
        .string()
        .regex(/^\d{1,9}$/)
        .optional(),
      limit,
    })
    .default({ limit: 100 }),
  output: pageOf(z.strictObject(customer)),
  handler: async ({ db }, { text = '', cursor = '0', limit: size }) => {
    let customers = selectCustomers(db.$extendTables<EnterpriseTables>()).where('c.id', '>', Number(cursor))
    if (text !== '') {
      const pattern = containing(foldEmail(text))
      customers = customers.where(
        sql<boolean>`(fold_email(c.name) like ${pattern} or c.uuid::text like ${pattern} or fold_email(coalesce(c.slug, '')) like ${pattern})`,
      )
    }
    const rows = await customers.limit(size + 1).execute()
    const { items, nextCursor } = cutPage(rows, size, ({ id }) => String(id))
    return { items: items.map(shownCustomer), nextCursor }
  },
})

const waitingState = z.enum(['waiting', 'fulfilled', 'refused', 'cancelled'])

/** One customer: who administers it, what it enrolls everybody in, and what became of what it asked for addresses without an account. */
export const getCustomer = query({
  input: z.strictObject({ uuid: z.uuid() }),
  output: z.strictObject({
    ...customer,
    admins: z.array(z.string()),
    defaultCourseIds: z.array(z.string()),
    states: z.array(z.strictObject({ state: z.string(), count: z.number().int() })),
  }),
  handler: async ({ db: core }, { uuid }) => {
    const db = core.$extendTables<EnterpriseTables>()
    const row = await selectCustomers(db).where('c.uuid', '=', uuid).executeTakeFirst()
    if (row === undefined) throw new TRPCError({ code: 'NOT_FOUND', message: `There is no customer ${uuid}` })
    const admins = await db
      .selectFrom('enterprise_customer_admins as a')
      .innerJoin('learners as l', 'l.id', 'a.learner_id')
      .select('l.username')
      .where('a.customer_id', '=', row.id)
      .orderBy('l.username')
      .limit(1_000)
      .execute()
    const defaults = await db
      .selectFrom('enterprise_default_intentions')
      .select('course_key')
      .where('customer_id', '=', row.id)
      .orderBy('course_key')
      .execute()
    const states = await db
      .selectFrom('enterprise_pending_links as k')
      .innerJoin('enterprise_pending_enrollments as p', 'p.pending_link_id', 'k.id')
      .select(['p.state', sql<string>`count(*)`.as('count')])
      .where('k.customer_id', '=', row.id)
      .groupBy('p.state')
      .orderBy('p.state')
      .execute()
    return {
      ...shownCustomer(row),
      admins: admins.map(({ username }) => username),
      defaultCourseIds: defaults.map(({ course_key: key }) => key),
      states: states.map(({ state, count }) => ({ state, count: Number(count) })),
    }
  },
})

const pendingRow = z.strictObject({
  id: z.string(),
  email: z.string(),
  courseId: z.string(),
  state: z.string(),
  refusal: z.string().nullable(),
  mode: z.string().nullable(),
  created: z.string(),
  updated: z.string(),
})

/** What a customer has asked for addresses without an account, in the order in which it asked. */
export const listPending = query({
  input: z.strictObject({
    uuid: z.uuid(),
    state: waitingState.optional(),
    cursor: storableText(19)
      .regex(/^\d{1,18}$/)
      .optional(),
    limit,
  }),
  output: pageOf(pendingRow),
  handler: async ({ db }, { uuid, state, cursor = '0', limit: size }) => {
    let pending = db
      .$extendTables<EnterpriseTables>()
      .selectFrom('enterprise_pending_links as k')
      .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
      .innerJoin('enterprise_pending_enrollments as p', 'p.pending_link_id', 'k.id')
      .select(['p.id', 'k.email', ...WAITING_COLUMNS])
      .where('c.uuid', '=', uuid)
      .where('p.id', '>', cursor)
      .orderBy('p.id')
      .limit(size + 1)
    if (state !== undefined) pending = pending.where('p.state', '=', state)
    return cutPage(await pending.execute(), size, ({ id }) => id)
  },
})

function selectCustomers(db: Kysely<EnterpriseDB>) {
  return db
    .selectFrom('enterprise_customers as c')
    .select(['c.id', 'c.uuid', 'c.name', 'c.slug', 'c.created'])
    .select(
      sql<string>`(select count(*) from enterprise_learner_links k where k.customer_id = c.id and k.is_linked)`.as(
        'learners',
      ),
    )
    .select(
      sql<string>`(select count(*) from enterprise_pending_links k join enterprise_pending_enrollments p on p.pending_link_id = k.id
        where k.customer_id = c.id and p.state = 'waiting')`.as('waiting'),
    )
    .orderBy('c.id')
}

type CustomerRow = Awaited<ReturnType<ReturnType<typeof selectCustomers>['execute']>>[number]

function shownCustomer({ uuid, name, slug, created, learners, waiting }: CustomerRow) {
  return { uuid, name, slug, created, learners: Number(learners), waiting: Number(waiting) }
}
