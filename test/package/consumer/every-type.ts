// What a consumer with `declaration: true` exports: every inferred type has to have a name that it can reach.
import {
  appRouter,
  createCaller,
  defaultPolicy,
  enrollmentErrorFrom,
  EnrollmentError,
  enrollStream,
  type Actor,
  type BatchAnswer,
  type ChangeInput,
  type EnrollInput,
  type EnrollManyInput,
  type EnrollmentEvent,
  type EnrollmentFilter,
  type Failure,
  type Outcome,
  type Policy,
  type Tracked,
  type WatchEventsInput,
} from 'enrollment-service'
import { createClient } from 'enrollment-service/client'
import { migrate, openDatabase, type DB } from 'enrollment-service/database'
import * as enterprise from 'enrollment-service/enterprise'
import * as extension from 'enrollment-service/extension'
import { startServer } from 'enrollment-service/server'
import * as testing from 'enrollment-service/testing'
import {
  CamelCasePlugin,
  Kysely,
  PostgresDialect,
  type ControlledTransaction,
  type Generated,
  type Transaction,
} from 'kysely'
import pg from 'pg'

export const db = openDatabase({ connectionString: 'postgresql://127.0.0.1/enrollment' })
export const actor: Actor = { kind: 'service', name: 'shop' }
export const policy: Policy = { ...defaultPolicy, filters: [] }

export const caller = createCaller({ db, actor, policy })
export const run = () => caller.enrollment.enroll({ username: 'alice', courseId: 'course-v1:a+b+c' })
export const input: EnrollInput = {
  userId: '5',
  courseId: 'x',
  attributes: [{ namespace: 'a', name: 'b', value: 'c' }],
}
// @ts-expect-error a learner has a name
export const noLearner: EnrollInput = { courseId: 'x' }
export type Named = [EnrollManyInput, ChangeInput, Outcome, BatchAnswer, EnrollmentEvent, EnrollmentFilter, Failure]

export const { enrollment, course, events, webhooks } = caller
export const { create, update, rotateSecret, deliveries, replay } = webhooks
export const endpoint = () => create({ url: 'https://example.org/hook', kinds: ['created'] })
export const { enroll, enrollMany, change, changeMany, get, getMany, list, search, history, unenrollAll } = enrollment
export const many = () => enrollMany({ items: [{ username: 'alice', courseId: 'x', ref: 'row 1' }] })
export const streamed = () => enrollStream(caller, [{ username: 'alice', courseId: 'x' }])
export const page = () => search({ modes: ['audit'] })
export const feed = () => events.list({ limit: 10 })
export const { watch } = events
export const watched = (given: WatchEventsInput) => events.watch(given)
export async function firstOf(items: AsyncIterable<Tracked<EnrollmentEvent>>) {
  for await (const { id, data } of items) return [id, data.username]
  return null
}
export const failureOf = (error: unknown) => enrollmentErrorFrom(error)?.failure
export const isOurs = (error: unknown) => error instanceof EnrollmentError

export const router = appRouter
export const client = createClient({ url: 'http://127.0.0.1:8001', token: 'secret' })
export const follow = () => client.events.watch({ after: 'latest' })
export const subscribed = (onData: (item: Tracked<EnrollmentEvent>) => void) =>
  client.events.watch.subscribe({}, { onData })
export const byClient = () => client.enrollment.enroll.mutate({ username: 'alice', courseId: 'x' })

export const { cancelFulfilment, cancelPending, endEnrollments, enrollLearners, expireLicenses } = enterprise
export const { getFulfilment, listPending, listUnenrolled, revokeLicenses } = enterprise
export const bulk = () => enrollLearners({ db, actor }, { customer: 'uuid', rows: [] })
export const { consumeFeed, importFormat, inTransaction, mutation, query, repeat, withSavepoint } = extension
export const { cloneTestDatabase, courseRunLine, customerLine, learnerLine, modeLine, startTestDatabase } = testing
export const copied = async () => cloneTestDatabase(await startTestDatabase({ seed: [learnerLine(), courseRunLine()] }))
export const server = () => startServer({ PORT: 0 }, { policy: { filters: [] }, extensions: [own] })
export const part: extension.OpenApiPart = { tags: ['Shop'], paths: { '/orders': {} }, schemas: {} }
export const own: extension.Extension = {
  name: 'shop',
  migrations: { '0001_orders': { up: async (on: Kysely<unknown>) => on.schema.dropTable('x').execute() } },
  routes: async (app, { metrics }) => {
    app.get('/orders', async () => [metrics.contentType])
  },
  openApi: part,
  workers: () => ({ consumers: [{ name: 'shop', apply: async (trx, all) => [trx.isTransaction, all.length] }] }),
}

interface Orders {
  id: Generated<string>
  cents: number
}
interface AsInterface {
  orders: Orders
}
type AsType = { orders: Orders }
interface Whole extends DB {
  orders: Orders
}

export const onInterface = (trx: Transaction<DB & AsInterface>) => createCaller({ db: trx, actor })
export const onType = (trx: Transaction<DB & AsType>) => createCaller({ db: trx, actor })
export const onControlled = (trx: ControlledTransaction<DB & AsInterface>) => createCaller({ db: trx, actor })
export const onSavepoint = (trx: ControlledTransaction<DB & AsType, ['a']>) => createCaller({ db: trx, actor })
export const onPool = (pool: Kysely<Whole>) => createCaller({ db: pool, actor })
export const pending = (trx: Transaction<Whole>) => listPending({ db: trx }, { customer: 'uuid' })
export const rows = (trx: Transaction<DB & AsType>) =>
  enrollLearners({ db: trx, actor }, { customer: 'uuid', rows: [] })
export const foreign = new Kysely<Whole>({
  dialect: new PostgresDialect({ pool: new pg.Pool({}) }),
  plugins: [new CamelCasePlugin()],
})
export const migrated = () => migrate(foreign)
// @ts-expect-error a database without our tables
export const without = (other: Kysely<AsType>) => createCaller({ db: other, actor })
