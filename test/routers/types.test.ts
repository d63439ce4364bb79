import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  createCaller,
  enrollmentErrorFrom,
  type EnrollmentError,
  type Actor,
  type AppRouter,
  type Caller,
  type Context,
  type CourseOffer,
  type Enrollment,
  type EnrollmentEvent,
  type Tracked,
  type ErrorCode,
  type ErrorDetails,
  type FeedPage,
  type ForeignContext,
  type Learner,
  type Outcome,
} from 'enrollment-service'
import {
  inTransaction,
  retryOnSerializationFailure,
  withSavepoint,
  withIdempotencyKey,
} from '../../routers/extension.ts'
import { createClient, type Client, type ClientOptions } from 'enrollment-service/client'
import { migrateToLatest, openDatabase, type Database, type DB } from 'enrollment-service/database'
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import type { Kysely, Transaction } from 'kysely'
import { describe, expect, expectTypeOf, test } from 'vitest'

type Inputs = inferRouterInputs<AppRouter>
type Outputs = inferRouterOutputs<AppRouter>

describe('what other code compiles against (rpc §1 to §4)', () => {
  test('a context is a database, an actor and little else', () => {
    expectTypeOf<Context['db']>().toEqualTypeOf<Kysely<DB>>()
    expectTypeOf<Transaction<DB>>().toExtend<Context['db']>()
    expectTypeOf<Context['actor']>().toEqualTypeOf<Actor>()
    expectTypeOf<Actor>().toEqualTypeOf<{ kind: 'service' | 'user' | 'system'; name: string }>()
    expectTypeOf<{ db: Kysely<DB>; actor: Actor }>().toExtend<Context>()
    expectTypeOf<{ db: Kysely<DB> }>().not.toExtend<Context>()
    expectTypeOf<{ actor: Actor }>().not.toExtend<Context>()
    expectTypeOf<Context['now']>().toEqualTypeOf<(() => Date) | undefined>()
    expectTypeOf<Context['requestId']>().toEqualTypeOf<string | undefined>()
  })

  test('a learner has exactly one name', () => {
    expectTypeOf<Learner>().toEqualTypeOf<{ username: string } | { email: string } | { userId: string }>()
    expectTypeOf<{ username: string }>().toExtend<Learner>()
    expectTypeOf<{ userId: number }>().not.toExtend<Learner>()
  })

  test('an enrollment and an outcome are JSON', () => {
    expectTypeOf<Enrollment>().toEqualTypeOf<{
      id: string
      version: number
      userId: string
      username: string
      courseId: string
      mode: string
      isActive: boolean
      created: string
      updated: string
    }>()
    expectTypeOf<Outcome>().toEqualTypeOf<{
      kind: 'created' | 'reactivated' | 'modeChanged' | 'deactivated' | 'unchanged'
      enrollment: Enrollment
      before: { mode: string; isActive: boolean } | null
      eventId: string | null
    }>()
  })

  test('enroll asks for a learner and a course run, the rest is optional', () => {
    type Input = Inputs['enrollment']['enroll']
    expectTypeOf<{ username: string; courseId: string }>().toExtend<Input>()
    expectTypeOf<{ email: string; courseId: string; whenEnrolled: 'update'; force: true }>().toExtend<Input>()
    expectTypeOf<{ username: string }>().not.toExtend<Input>()
    expectTypeOf<{ courseId: string }>().not.toExtend<Input>()
    expectTypeOf<{ username: string; courseId: string; whenEnrolled: 'replace' }>().not.toExtend<Input>()
    expectTypeOf<{ username: string; courseId: string; isActive: 'yes' }>().not.toExtend<Input>()
    expectTypeOf<Outputs['enrollment']['enroll']>().toEqualTypeOf<Outcome>()
    expectTypeOf<Outputs['enrollment']['change']>().toEqualTypeOf<Outcome>()
    expectTypeOf<Outputs['enrollment']['unenrollAll']>().toEqualTypeOf<{
      outcomes: Outcome[]
      ownedByLms?: string[]
    }>()
  })

  test('a result of a batch tells its outcome or its error', () => {
    type Answer = Outputs['enrollment']['enrollMany']
    expectTypeOf<Answer['batchId']>().toEqualTypeOf<string>()
    expectTypeOf<Answer['status']>().toEqualTypeOf<'applied' | 'planned' | 'rolledBack' | 'replayed'>()
    expectTypeOf<Answer['counts']>().toEqualTypeOf<Record<string, number>>()
    expectTypeOf<Inputs['enrollment']['enrollMany']['idempotencyKey']>().toEqualTypeOf<string | undefined>()
    const check = (result: Answer['results'][number]) => {
      expectTypeOf(result.index).toEqualTypeOf<number>()
      if (result.ok) expectTypeOf(result.outcome).toEqualTypeOf<Outcome>()
      else expectTypeOf(result.error.code).toEqualTypeOf<ErrorCode>()
    }
    expectTypeOf(check).returns.toBeVoid()
  })

  test('what is read', () => {
    expectTypeOf<Outputs['enrollment']['get']>().toEqualTypeOf<Enrollment | null>()
    expectTypeOf<Outputs['enrollment']['list']>().toEqualTypeOf<Enrollment[]>()
    expectTypeOf<Outputs['enrollment']['search']>().toEqualTypeOf<{ items: Enrollment[]; nextCursor: string | null }>()
    expectTypeOf<Outputs['enrollment']['history']>().toEqualTypeOf<EnrollmentEvent[]>()
    expectTypeOf<Outputs['events']['list']>().toEqualTypeOf<FeedPage>()
    expectTypeOf<FeedPage['heldBack']>().toEqualTypeOf<{
      since: string | null
      by: { kind: 'transaction'; pid: number; applicationName: string } | { kind: 'prepared'; gid: string }
    } | null>()
    expectTypeOf<Outputs['course']['get']['modes'][number]['expires']>().toEqualTypeOf<string | null>()
    expectTypeOf<Awaited<ReturnType<Caller['course']['getMany']>>>().toEqualTypeOf<(CourseOffer | null)[]>()
    expectTypeOf<NonNullable<Outputs['course']['getMany'][number]>['courseId']>().toEqualTypeOf<string>()
    expectTypeOf<CourseOffer['seatsTaken']>().toEqualTypeOf<number | null>()
    expectTypeOf<EnrollmentEvent['via']>().toEqualTypeOf<'rest' | 'rpc' | 'caller' | 'bulk' | 'cli'>()
  })

  test('an error has the details of its code', () => {
    expectTypeOf(enrollmentErrorFrom).toEqualTypeOf<(error: unknown) => EnrollmentError | undefined>()
    expectTypeOf<ErrorCode>().toEqualTypeOf<keyof ErrorDetails>()
    expectTypeOf<ErrorDetails['courseFull']>().toEqualTypeOf<{ limit: number }>()
    expectTypeOf<ErrorDetails['versionConflict']>().toEqualTypeOf<{ expected: number; actual: number }>()
    expectTypeOf<ErrorDetails['enrollmentClosed']['because']>().toEqualTypeOf<
      'notStarted' | 'ended' | 'invitationOnly' | 'allowanceTaken'
    >()
    const narrow = ({ failure }: EnrollmentError) => (failure.code === 'courseFull' ? failure.details.limit : 0)
    expectTypeOf(narrow).returns.toEqualTypeOf<number>()
  })

  test('the caller and the client have the same procedures, typed alike', () => {
    expectTypeOf(createCaller).parameters.toEqualTypeOf<[ForeignContext]>()
    expectTypeOf(createCaller).returns.toEqualTypeOf<Caller>()
    expectTypeOf<Caller['enrollment']['enroll']>().parameter(0).toEqualTypeOf<Inputs['enrollment']['enroll']>()
    expectTypeOf<Awaited<ReturnType<Client['enrollment']['enroll']['mutate']>>>().toEqualTypeOf<Outcome>()
    expectTypeOf<Awaited<ReturnType<Client['enrollment']['get']['query']>>>().toEqualTypeOf<Enrollment | null>()
    expectTypeOf<Client>().toExtend<AsyncDisposable>()
    expectTypeOf<Caller['events']['watch']>().parameter(0).toEqualTypeOf<Inputs['events']['watch']>()
    expectTypeOf<ReturnType<Caller['events']['watch']>>().toExtend<AsyncIterable<Tracked<EnrollmentEvent>>>()
    expectTypeOf<ReturnType<Client['events']['watch']>>().toExtend<AsyncIterable<Tracked<EnrollmentEvent>>>()
    expectTypeOf<Client['events']['watch']['subscribe']>()
      .parameter(1)
      .toHaveProperty('onData')
      .toEqualTypeOf<(item: Tracked<EnrollmentEvent>) => void>()
    // @ts-expect-error a query is not mutated
    expectTypeOf<Client['enrollment']['get']['mutate']>()
  })

  test('what a tenant builds on takes the pool and a transaction alike', () => {
    const work = (on: Kysely<DB>) => {
      const use = { actor: 'tenant', scope: 'batch', key: 'k', input: {}, now: new Date() }
      const once = () => withIdempotencyKey(on, use, async (trx) => ({ isInside: trx.isTransaction }))
      expectTypeOf(once).returns.resolves.toEqualTypeOf<{ answer: { isInside: true }; replayed: boolean }>()
      const kept = () => withSavepoint(on, async (trx) => ({ keep: true, value: trx.isTransaction }))
      expectTypeOf(kept).returns.resolves.toEqualTypeOf<true>()
      return retryOnSerializationFailure(on, () => inTransaction(on, async () => 1))
    }
    expectTypeOf(work).returns.resolves.toEqualTypeOf<number>()
    expectTypeOf<Transaction<DB>>().toExtend<Parameters<typeof work>[0]>()
  })

  test('a client is given a token and either a url or a socket', () => {
    expectTypeOf(createClient).toEqualTypeOf<(options: ClientOptions) => Client>()
    expectTypeOf<{ url: string; token: string }>().toExtend<ClientOptions>()
    expectTypeOf<{ socketPath: string; token: string }>().toExtend<ClientOptions>()
    expectTypeOf<{ url: string; socketPath: string; token: string }>().not.toExtend<ClientOptions>()
    expectTypeOf<{ url: string }>().not.toExtend<ClientOptions>()
    expectTypeOf<{ token: string }>().not.toExtend<ClientOptions>()
  })

  test('a database is opened, migrated and disposed of', () => {
    expectTypeOf(openDatabase).returns.toEqualTypeOf<Database>()
    expectTypeOf<Database>().toEqualTypeOf<Kysely<DB>>()
    expectTypeOf<Database>().toExtend<AsyncDisposable>()
    expectTypeOf(migrateToLatest).toEqualTypeOf<(db: Kysely<DB>) => Promise<string[]>>()
  })
})

test('the package gives its entries, and nothing else', async () => {
  const run = async (program: string) => {
    const command = ['--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: join(import.meta.dirname, '../..') })
    return JSON.parse(stdout)
  }
  const names = (entry: string) =>
    run(`console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(entry)})).sort()))`)
  expect(await names('enrollment-service')).toEqual(
    expect.arrayContaining([
      'EnrollmentError',
      'appRouter',
      'createCaller',
      'defaultPolicy',
      'enrollStream',
      'enrollmentErrorFrom',
    ]),
  )
  expect(await names('enrollment-service/client')).toEqual(['createClient'])
  expect(await names('enrollment-service/database')).toEqual(
    expect.arrayContaining(['migrate', 'migrateToLatest', 'openDatabase']),
  )
  expect(await names('enrollment-service/enterprise')).toEqual(
    expect.arrayContaining(['cancelFulfilment', 'cancelPending', 'enrollLearners', 'expireLicenses', 'listPending']),
  )
  expect(await names('enrollment-service/server')).toEqual(['ConfigError', 'startServer'])
  expect(await names('enrollment-service/extension')).toEqual(
    expect.arrayContaining([
      'consumeFeed',
      'importFormat',
      'inTransaction',
      'mutation',
      'query',
      'repeat',
      'withSavepoint',
    ]),
  )
  expect(await names('enrollment-service/testing')).toEqual([
    'cloneTestDatabase',
    'courseRunLine',
    'customerLine',
    'learnerLine',
    'modeLine',
    'startTestDatabase',
  ])
  await expect(names('enrollment-service/core/enrollment/enroll.ts')).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED')
})
