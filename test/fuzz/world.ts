import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { startEmbeddedDatabase } from '../../embedded/start.ts'
import { openDatabase, type Database } from '../../core/database/open.ts'
import { enterpriseLineTypes } from '../../enterprise/import-export/line-types.ts'
import { migrateAll } from '../../server/migrations.ts'
import { splitIntoCookies } from '../support/browser.ts'
import { addCourse, addLearner, addRole } from '../support/seed.ts'
import { secrets } from '../support/server.ts'
import { importAll } from '../support/transfer.ts'
import { addCohort, addMode } from '../support/world.ts'
import { CUSTOMER, FULFILMENTS, LICENSE, TRANSACTION } from './enterprise-requests.ts'
import type { Caller } from './requests.ts'
import { startServerProcess, type ServerProcess } from './server-process.ts'
import { PAGE } from './server.ts'

/** A server on a free port, over a fresh database with what the requests name. */
export interface World extends AsyncDisposable {
  readonly server: ServerProcess
  /** What each kind of caller sends to be believed. */
  readonly credentials: Readonly<Record<Caller, Readonly<Record<string, string>>>>
}

export async function createWorld(): Promise<World> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-fuzz-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const dataDir = join(directory, 'data')
  const { connectionString } = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner', durable: false }))
  const db = undo.use(openDatabase({ connectionString }))
  await migrateAll(db)
  await fill(db)
  const server = undo.use(await startServerProcess(connectionString))
  const credentials = await credentialsOfAll()
  const stack = undo.move()
  return { server, credentials, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The few things that the generators name: mostly `bob` and `course-v1:a+b+c`. */
async function fill(db: Database): Promise<void> {
  const course = await addCourse(db, { course_key: 'course-v1:a+b+c' })
  const other = await addCourse(db, { course_key: 'a/b/c', max_enrollments: 2 })
  await addMode(db, course, 'credit')
  await addCohort(db, course, 'red')
  const bob = await addLearner(db, { username: 'bob', email: 'bob@example.com' })
  await addLearner(db, { username: 'idle', is_active: false })
  await addLearner(db, { username: 'staff', is_staff: true, is_superuser: true })
  const teacher = await addLearner(db, { username: 'teacher' })
  await addRole(db, teacher, 'staff', course)
  await addRole(db, bob, 'staff', other)
  const going = await addLearner(db, { username: 'going' })
  await db
    .insertInto('retirements')
    .values([
      { learner_id: bob.id, original_username: 'bob', state: 'PENDING' },
      { learner_id: going.id, original_username: 'going', state: 'LOCKING_COMPLETE' },
    ])
    .execute()
  await fillEnterprise(db)
}

/** A customer whose admin is `bob`, and what pays for two enrollments there. */
async function fillEnterprise(db: Database): Promise<void> {
  const of = { customer: CUSTOMER, username: 'bob' }
  const [license, transaction] = [
    { ...of, courseId: 'course-v1:a+b+c' },
    { ...of, courseId: 'a/b/c' },
  ]
  const lines = [
    { type: 'enrollment', username: 'bob', courseId: license.courseId, mode: 'verified' },
    { type: 'enrollment', username: 'bob', courseId: transaction.courseId, mode: 'audit' },
    { type: 'customer', uuid: CUSTOMER, name: 'ACME' },
    { type: 'customerAdmin', ...of },
    { type: 'customerLink', ...of },
    ...[license, transaction].map((record) => ({ type: 'enterpriseRecord', ...record })),
    { type: 'fulfilment', uuid: FULFILMENTS[0], ...license, license: LICENSE },
    { type: 'fulfilment', uuid: FULFILMENTS[1], ...transaction, transaction: TRANSACTION },
  ]
  const { failures } = await importAll(db, lines, { further: enterpriseLineTypes })
  if (failures.length > 0) throw new Error(JSON.stringify(failures))
}

async function credentialsOfAll(): Promise<World['credentials']> {
  const [learner, inactive, teacher, staff] = await Promise.all(['bob', 'idle', 'teacher', 'staff'].map(signToken))
  const key = { 'x-edx-api-key': secrets.edxApiKeys[0] ?? '' }
  const session = {
    cookie: `${splitIntoCookies(staff ?? '')}; csrftoken=${'a'.repeat(32)}`,
    'use-jwt-cookie': 'true',
    'x-csrftoken': 'a'.repeat(32),
  }
  return {
    nobody: {},
    learner: { authorization: `JWT ${learner}` },
    inactive: { authorization: `Bearer ${inactive}` },
    teacher: { authorization: `JWT ${teacher}` },
    staff: { authorization: `Bearer ${staff}` },
    key,
    service: { authorization: `Bearer ${[...secrets.internalTokens.keys()][0]}` },
    keyAndLearner: { ...key, authorization: `JWT ${learner}` },
    browser: session,
    page: { ...session, origin: PAGE },
  }
}

function signToken(username: string): Promise<string> {
  const claims = { preferred_username: username, exp: Math.floor(Date.now() / 1000) + 86_400 }
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secrets.jwt.secret))
}
