import type { FastifyInstance } from 'fastify'
import type { Kysely } from 'kysely'
import type { EnterpriseDB, EnterpriseTables } from '../../../../enterprise/database/schema.ts'
import { documentCheck } from '../../../support/documented.ts'
import { openDoor, signToken, type Answered } from '../../../support/rest.ts'
import { addLearner } from '../../../support/seed.ts'
import { NOW } from '../../../enterprise/calls.ts'

type Headers = Record<string, string>

/** The routes of enterprise as the server has them, over a database of their own. */
export interface EnterpriseApi extends AsyncDisposable {
  readonly db: Kysely<EnterpriseDB>
  readonly app: FastifyInstance
  /** The messages of all log lines so far. */
  readonly log: readonly string[]
  /** Enrolls learners of a customer, as global staff unless the headers say otherwise. */
  enroll(customer: { uuid: string }, body: object | string, headers?: Headers): Promise<Answered>
  send(
    method: 'GET' | 'POST' | 'OPTIONS',
    url: string,
    options?: { headers?: Headers; body?: string },
  ): Promise<Answered>
}

/** Opens the API; it is the day of the tests. */
export async function openEnterpriseApi(env: Record<string, string> = {}): Promise<EnterpriseApi> {
  const { db, app, log, ...api } = await openDoor({ env, now: () => NOW })
  const staff = await headersOf(await addLearner(db, { username: 'site-staff', is_staff: true }))
  const send: EnterpriseApi['send'] = async (method, url, { headers = {}, body } = {}) => {
    const answer = await app.inject({ method, url, headers, ...(body !== undefined && { payload: body }) })
    const { statusCode: status, headers: received, body: text } = answer
    const faults = faultsByDocument({ method, url, headers, body }, { status, headers: received, text })
    if (faults.length > 0) throw new Error(`${method} ${url} is not answered as documented:\n${faults.join('\n')}`)
    return { status, headers: received, text, json: text === '' ? undefined : JSON.parse(text) }
  }
  return {
    db: db.$extendTables<EnterpriseTables>(),
    app,
    log,
    send,
    enroll: (customer, body, headers = staff) =>
      send('POST', bulkUrl(customer.uuid), {
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

/** Every answer to a test has to be one that the document tells of. */
const faultsByDocument = documentCheck()

/** Where learners of a customer are enrolled. */
export function bulkUrl(uuid: string): string {
  return `/enterprise/api/v1/enterprise-customer/${uuid}/enroll_learners_in_courses/`
}

/** What somebody sends to be believed. */
export async function headersOf({ username }: { username: string }, scheme = 'JWT'): Promise<Headers> {
  return { authorization: `${scheme} ${await signToken({ preferred_username: username })}` }
}
