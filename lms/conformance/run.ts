import { KNOWN_DIFFERENCES } from '../exchange/known-differences.ts'
import { NoAnswer, type Answer, type Request, type Server } from '../exchange/server.ts'
import { get } from './build.ts'
import { headersOf, type Credentials } from './callers.ts'
import { isReading, type Case, type Expected, type Step } from './case.ts'
import { faultsOf } from './check.ts'
import type { Names } from './names.ts'
import { makeStanding, readStanding, type SendPrivileged } from './standing.ts'
import type { Target } from './target.ts'

export interface ConformanceRun {
  readonly server: Server
  readonly target: Target
  readonly cases: readonly Case[]
  readonly names: Names
  readonly credentials: Credentials
  /** Only cases that change nothing, on what is there. */
  readonly readOnly: boolean
  readonly onResult?: (result: Result) => void
}

/** What became of one case. */
export type Result = { readonly section: string; readonly what: string } & (
  | { readonly kind: 'passed' }
  | { readonly kind: 'known'; readonly known: string }
  | { readonly kind: 'skipped'; readonly why: string }
  | ({ readonly kind: 'failed' } & Failure)
)

export interface Failure {
  readonly as: string
  readonly request: Request
  readonly expected: Expected | null
  readonly got: { readonly status: number; readonly body: string } | null
  readonly faults: readonly string[]
}

type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'known'; readonly known: string }
  | { readonly kind: 'skipped'; readonly why: string }
  | ({ readonly kind: 'failed' } & Failure)

const PASSED: Outcome = { kind: 'passed' }
const skipped = (why: string): Outcome => ({ kind: 'skipped', why })

/** Runs cases one after another, and tells what became of each. Cases of a course run that is not there are skipped. */
export async function runConformance(run: ConformanceRun): Promise<Result[]> {
  const missing = await missingCourses(run)
  const prefix = `conformance_${Date.now().toString(36)}`
  const results: Result[] = []
  for (const [index, each] of run.cases.entries()) {
    const outcome = await runCase(run, each, { missing, freshUsername: `${prefix}_${index}` }).catch(
      (error: unknown) => {
        if (error instanceof NoAnswer) return noAnswer(each, error)
        throw error
      },
    )
    const result = { section: each.section, what: each.what, ...outcome }
    results.push(result)
    run.onResult?.(result)
  }
  return results
}

interface Circumstances {
  readonly missing: readonly string[]
  readonly freshUsername: string
}

async function runCase(run: ConformanceRun, each: Case, { missing, freshUsername }: Circumstances): Promise<Outcome> {
  if (run.readOnly && !isReading(each)) return skipped('writes')
  const text = JSON.stringify(each)
  const lacks = missing.find((courseId) => text.includes(courseId) || text.includes(encodeURIComponent(courseId)))
  if (lacks !== undefined) return skipped(`the course run ${lacks} does not exist: see --print-setup`)

  const proven: [Step, Readonly<Record<string, string>>][] = []
  for (const step of each.steps) {
    const headers = await headersOf(step.as, run.credentials, { names: run.names, freshUsername })
    if (typeof headers === 'string') return skipped(headers)
    proven.push([step, headers])
  }
  const privileged = await privilegedSender(run, freshUsername)
  const wrong = await prepare(run, each, privileged)
  if (wrong !== null) return skipped(wrong)

  for (const [step, headers] of proven) {
    const { as, request, expect } = step
    const answer = await run.server.send({ ...request, headers: { ...headers, ...request.headers } })
    const faults = faultsOf(expect, answer)
    if (faults.length === 0) continue
    if (run.target === 'lms' && isKnown(each, answer)) return { kind: 'known', known: each.known ?? '' }
    const got = { status: answer.status, body: answer.text }
    return { kind: 'failed', as, request, expected: expect, got, faults }
  }
  return afterwards(each, privileged)
}

/** @returns why a case cannot be run; null: it can. */
async function prepare(run: ConformanceRun, { has = [] }: Case, send: SendPrivileged | null): Promise<string | null> {
  if (has.length === 0) return null
  if (send === null) return 'needs --key, to make what it is about'
  for (const standing of has) {
    const [user, courseId, words] = standing
    if (!run.readOnly) {
      const wrong = await makeStanding(send, standing)
      if (wrong !== null) return wrong
    } else if ((await readStanding(send, standing)) !== words) {
      return `needs ${user} to be '${words}' in ${courseId}`
    }
  }
  return null
}

async function afterwards({ after = [], steps }: Case, send: SendPrivileged | null): Promise<Outcome> {
  const last = steps.at(-1)
  if (send === null || last === undefined) return PASSED
  for (const standing of after) {
    const now = await readStanding(send, standing)
    const [user, courseId, words] = standing
    if (now === words) continue
    const faults = [`afterwards ${user} is '${now}' in ${courseId} instead of '${words}'`]
    return { kind: 'failed', as: last.as, request: last.request, expected: last.expect, got: null, faults }
  }
  return PASSED
}

async function privilegedSender(run: ConformanceRun, freshUsername: string): Promise<SendPrivileged | null> {
  for (const caller of ['key', 'staff'] as const) {
    const headers = await headersOf(caller, run.credentials, { names: run.names, freshUsername })
    if (typeof headers === 'string') continue
    return (request) => run.server.send({ ...request, headers: { ...headers, ...request.headers } })
  }
  return null
}

async function missingCourses({ server, names, credentials }: ConformanceRun): Promise<string[]> {
  const missing: string[] = []
  const headers = credentials.key === undefined ? {} : { 'x-edx-api-key': credentials.key }
  for (const courseId of Object.values(names).filter((name) => /[+/]/.test(name))) {
    const { status } = await server.send(get(`/course/${courseId}`, headers))
    if (status !== 200) missing.push(courseId)
  }
  return missing
}

/** Whether an LMS answers as rest-v1 §0 says that it does. */
function isKnown({ known }: Case, { status, text }: Answer): boolean {
  return KNOWN_DIFFERENCES.some(
    ({ section, lms }) => section === known && lms.status.includes(status) && (lms.body?.test(text) ?? true),
  )
}

function noAnswer({ steps }: Case, { message }: NoAnswer): Outcome {
  const [first] = steps
  if (first === undefined) return skipped(message)
  const { as, request, expect } = first
  return { kind: 'failed', as, request, expected: expect, got: null, faults: [message] }
}
