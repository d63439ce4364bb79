import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { createPool, type Pool, type PoolConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise'

/** The REST side of an LMS, over the tables of its MySQL. */
export interface LmsRest extends AsyncDisposable {
  readonly url: string
  readonly apiKey: string
  /** How many requests changed something. */
  readonly changes: () => number
  /** Decides what is answered in place of the LMS; `'reset'` cuts the connection off after the work was done. */
  failWith(fault: ((request: { method: string; path: string }) => number | 'reset' | null) | null): void
  /** Enrolls as a person in front of the LMS does: with the rows of history that it leaves. */
  enroll(change: LmsChange): Promise<void>
}

export interface LmsChange {
  readonly user: string
  readonly courseId: string
  readonly mode?: string | undefined
  readonly isActive?: boolean | undefined
}

/**
 * Starts the enrollment API of an LMS (lms.md D.3) on the tables of its MySQL: an enrollment that is new begins in the mode
 * `audit` and changes afterwards, each save leaves a row of history, and one pair at a time is written. It knows no rule but that
 * learner and course run have to exist.
 */
export async function openLmsRest(databaseUrl: string): Promise<LmsRest> {
  const pool = createPool({
    uri: databaseUrl,
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    connectionLimit: 4,
  })
  const apiKey = randomUUID()
  let fault: Parameters<LmsRest['failWith']>[0] = null
  let changes = 0
  const enroll = async (change: LmsChange) => {
    if (await inTransaction(pool, (connection) => applyChange(connection, change))) changes += 1
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = decodeURIComponent(request.url ?? '')
    const method = request.method ?? ''
    if (request.headers['x-edx-api-key'] !== apiKey) return send(response, 401, { detail: 'no key' })
    const failure = fault?.({ method, path }) ?? null
    if (typeof failure === 'number') return send(response, failure, { message: 'scripted' }, { 'retry-after': '1' })
    const [status, body] = method === 'POST' ? await post(request, enroll, pool) : await get(path, pool)
    if (failure === 'reset') request.socket.destroy()
    else send(response, status, body)
    return undefined
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => send(response, 500, { message: String(error) }))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // of a server on a port
  return {
    url: `http://127.0.0.1:${port}`,
    apiKey,
    changes: () => changes,
    failWith: (next) => {
      fault = next
    },
    enroll,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
      await pool.end()
    },
  }
}

type Answer = readonly [status: number, body: unknown]

async function post(
  request: IncomingMessage,
  enroll: (change: LmsChange) => Promise<void>,
  pool: Pool,
): Promise<Answer> {
  const body = (await json(request)) as Record<string, unknown>
  const courseId = String((body['course_details'] as { course_id?: unknown })?.course_id)
  const user = String(body['user'])
  const [mode, isActive] = [body['mode'], body['is_active']]
  if ((await idOf(pool, user)) === null) return [406, { message: `The user ${user} does not exist.` }]
  const [runs] = await pool.query<RowDataPacket[]>(
    'select 1 from course_overviews_courseoverview where binary id = ?',
    [courseId],
  )
  if (runs.length === 0) return [400, { message: `No course '${courseId}' found for enrollment` }]
  await enroll({
    user,
    courseId,
    mode: typeof mode === 'string' ? mode : undefined,
    isActive: typeof isActive === 'boolean' ? isActive : undefined,
  })
  return get(`/api/enrollment/v1/enrollment/${user},${courseId}`, pool)
}

async function get(path: string, pool: Pool): Promise<Answer> {
  const [, user = '', courseId = ''] = /\/v1\/enrollment\/([^,/]+),(.+)$/.exec(path) ?? []
  const [rows] = await pool.query<RowDataPacket[]>(
    `select e.mode, e.is_active, e.created from student_courseenrollment e join auth_user u on u.id = e.user_id
     where binary u.username = ? and binary e.course_id = ?`,
    [user, courseId],
  )
  const [row] = rows
  if (row === undefined) return [200, '']
  const { mode, is_active: isActive, created } = row
  return [200, { created, mode, is_active: isActive === 1, course_details: { course_id: courseId }, user }]
}

async function idOf(connection: Pool | PoolConnection, user: string): Promise<number | null> {
  const [rows] = await connection.query<RowDataPacket[]>('select id from auth_user where binary username = ?', [user])
  return rows[0] === undefined ? null : Number(rows[0]['id'])
}

/** @returns whether anything changed. */
async function applyChange(
  connection: PoolConnection,
  { user, courseId, mode, isActive }: LmsChange,
): Promise<boolean> {
  const userId = await idOf(connection, user)
  const [rows] = await connection.query<RowDataPacket[]>(
    'select id, mode, is_active from student_courseenrollment where user_id = ? and binary course_id = ? for update',
    [userId, courseId],
  )
  let row =
    rows[0] === undefined
      ? null
      : { id: Number(rows[0]['id']), mode: String(rows[0]['mode']), isActive: rows[0]['is_active'] === 1 }
  const before = row === null ? null : { ...row }
  if (row === null) {
    const [{ insertId }] = await connection.query<ResultSetHeader>(
      `insert into student_courseenrollment (user_id, course_id, created, is_active, mode)
       values (?, ?, utc_timestamp(6), 0, 'audit')`,
      [userId, courseId],
    )
    row = { id: insertId, mode: 'audit', isActive: false }
    await remember(connection, row.id, '+')
    row.isActive = true
    await save(connection, row)
  }
  const after = { ...row, mode: mode ?? row.mode, isActive: isActive ?? row.isActive }
  if (after.mode !== row.mode || after.isActive !== row.isActive) {
    await save(connection, after)
    // It saves twice.
    await save(connection, after)
  }
  return before === null || before.mode !== after.mode || before.isActive !== after.isActive
}

async function save(connection: PoolConnection, row: { id: number; mode: string; isActive: boolean }): Promise<void> {
  await connection.query('update student_courseenrollment set mode = ?, is_active = ? where id = ?', [
    row.mode,
    row.isActive ? 1 : 0,
    row.id,
  ])
  await remember(connection, row.id, '~')
}

async function remember(connection: PoolConnection, id: number, type: '+' | '~'): Promise<void> {
  await connection.query(
    `insert into student_courseenrollment_history
       (id, created, is_active, mode, history_id, history_date, history_type, course_id, user_id)
     select id, created, is_active, mode, ?, utc_timestamp(6), ?, course_id, user_id from student_courseenrollment where id = ?`,
    [randomUUID().replaceAll('-', ''), type, id],
  )
}

async function inTransaction<T>(pool: Pool, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const connection = await pool.getConnection()
    try {
      await connection.query("set time_zone = '+00:00'")
      await connection.beginTransaction()
      const result = await work(connection)
      await connection.commit()
      return result
    } catch (error) {
      await connection.rollback()
      // Two requests made the same row, or waited for each other.
      if (attempt === 5) throw error
    } finally {
      connection.release()
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body === '' ? '' : JSON.stringify(body))
}
