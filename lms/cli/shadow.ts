import { createInterface } from 'node:readline/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { CommandError } from '../../server/cli/failure.ts'
import type { Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import { credentialHeaders } from '../exchange/credentials.ts'
import { hiderOf, secretsOf } from '../exchange/hide.ts'
import { NoAnswer, openServer, type Server } from '../exchange/server.ts'
import { openLog } from '../shadow/open-log.ts'
import { readLog } from '../shadow/read-log.ts'
import { openReportFile } from '../shadow/report-file.ts'
import { CONCURRENCY, runShadow } from '../shadow/run.ts'
import { summary } from '../shadow/summary.ts'
import type { Finding, ShadowCounts } from '../shadow/tally.ts'
import { openStatusLine } from './status-line.ts'

interface Options {
  readonly lms?: string
  readonly here?: string
  readonly key?: string
  readonly keyHere?: string
  readonly header?: readonly string[]
  readonly rate: number
  readonly replayWrites?: boolean
  readonly yes?: boolean
  readonly report?: string
  readonly json?: boolean
}

/** So many differences a terminal shows; the report has all. */
const SHOWN = 10
/** By then a change of the LMS is here (adoption.md §4). */
const SETTLE_MS = 6_000

/** `lms shadow`: sends the requests of a log to the LMS and to us, and compares the answers (adoption.md §7). */
export function addShadow(lms: Command, session: Session): void {
  lms
    .command('shadow')
    .summary('compare the answers of the LMS and of this service to the requests of a log')
    .description(
      `Reads requests of the Enrollment API from a log, sends those that only read to the LMS and to this service, and compares
statuses and bodies. What rest-v1 section 0 decides otherwise is counted as a known difference. The log is a HAR file, lines
of JSON as nginx writes them (request_method, request_uri, …), or an access log in the combined format. Without --lms the
answers that the log holds are compared with those of this service. Credentials of the log are not used.`,
    )
    .argument('<file>', 'path of the log, or - for standard input')
    .option('--lms <url>', 'where the LMS is', baseUrlOf)
    .option('--here <url>', 'where this service is; unless given, where HOST and PORT say', baseUrlOf)
    .option(
      '--key <key>',
      'API key for both; without credentials LMS_API_KEY goes to LMS_URL, EDX_API_KEY to HOST and PORT',
    )
    .option('--key-here <key>', 'API key for this service, where it is another one')
    .option('--header <header>', "sent with every request, as 'Authorization: JWT …'; may be repeated", collect)
    .option('--rate <number>', 'requests in a second, to each side', positiveNumber, 10)
    .option('--replay-writes', 'send writes too, to copies of both; asks first')
    .option('--yes', 'do not ask')
    .option('--report <file>', 'write what is not equal there, one JSON object a line, with both bodies')
    .option('--json', 'print one JSON object: the counts, and the first ten differences')
    .addHelpText(
      'after',
      `
It ends with 0 when nothing is different, 1 when something is or a request failed, 2 when it was used wrongly or a side
cannot be reached.

Examples:
  $ npm run cli -- lms shadow access.log --lms https://lms.example.org --key KEY
  $ npm run cli -- lms shadow access.json --lms https://lms.example.org --header "Authorization: JWT $TOKEN" --rate 20
  $ npm run cli -- lms shadow recorded.har --here http://127.0.0.1:8000 --report differences.ndjson`,
    )
    .action((file: string, options: Options) => shadow(session, file, options))
}

async function shadow(session: Session, file: string, options: Options): Promise<void> {
  const { lms: lmsUrl, here: hereUrl = ownUrl(session), replayWrites: writes = false, json = false } = options
  const headers = headersOf(session, options)
  const hide = hiderOf([...secretsOf(headers.lms), ...secretsOf(headers.here)])
  await using source = await openLog(session, file)
  await using here = await reach(hereUrl, session, headers.here)
  await using lms = lmsUrl === undefined ? undefined : await reach(lmsUrl, session, headers.lms)
  const urls = [lmsUrl, hereUrl].flatMap((url) => url ?? [])
  if (writes && options.yes !== true) await confirmWrites(session, file, urls)
  await using report = options.report === undefined ? undefined : await openReportFile(options.report)

  const shownFindings: Finding[] = []
  using status = openStatusLine(session)
  const counts = await runShadow({
    entries: readLog(source.pieces),
    lms,
    here,
    writes,
    perSecond: options.rate,
    settleMs: SETTLE_MS,
    onFinding: async (finding) => {
      const safe = hidden(finding, hide)
      if (safe.kind !== 'known' && shownFindings.length < SHOWN) shownFindings.push(safe)
      await report?.add(safe)
    },
    onProgress: ({ requests, different }) => status.update(`Compared ${requests} requests, ${different} different`),
  })
  status.clear()
  session.exitCode = exitCodeOf(counts)
  const words = json
    ? `${JSON.stringify({ ...counts, differences: shownFindings })}\n`
    : summary(counts, shownFindings, { writes, recorded: lms === undefined })
  await write(session.stdout, words)
}

/** Where not one request could be compared although there were some, nothing is known. */
function exitCodeOf({ equal, known, different, failed, skippedBy }: ShadowCounts): 0 | 1 | 2 {
  const isAnyCompared = equal + known + different > 0
  const lacksAnswers = (skippedBy['without a recorded answer'] ?? 0) > 0
  if (!isAnyCompared && (failed > 0 || lacksAnswers)) return 2
  return different + failed > 0 ? 1 : 0
}

/** What is sent to each side. Keys of the settings go only where the settings say. */
function headersOf(session: Session, { key, keyHere, header = [], lms, here }: Options) {
  if (key !== undefined || keyHere !== undefined || header.length > 0) {
    return { lms: credentialHeaders(key, header), here: credentialHeaders(keyHere ?? key, header) }
  }
  const { lms: settings, givenSecrets } = session.config()
  const isOfSettings = lms !== undefined && settings.url === lms
  return {
    lms: credentialHeaders(isOfSettings ? settings.apiKey : undefined, []),
    here: credentialHeaders(here === undefined ? givenSecrets.edxApiKeys?.[0] : undefined, []),
  }
}

function ownUrl(session: Session): string {
  const { host, port } = session.config().publicAddress
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** @throws {CommandError} when nobody answers there. */
async function reach(url: string, session: Session, headers: Record<string, string>): Promise<Server> {
  const timeoutMs = session.config().lms.timeoutMs
  const server = openServer(url, { timeoutMs, connections: CONCURRENCY, headers })
  try {
    await server.send({ method: 'GET', path: '/api/enrollment/v1/enrollment' })
    return server
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error instanceof NoAnswer ? new CommandError(`${error.message}.`) : error
  }
}

async function confirmWrites({ stdin, stderr }: Session, file: string, urls: readonly string[]): Promise<void> {
  const isTerminal = 'isTTY' in stdin && stdin.isTTY && file !== '-'
  if (!isTerminal)
    throw new CommandError('--replay-writes changes enrollments: confirm it with --yes where nobody can be asked.')
  const lines = createInterface({ input: stdin, output: stderr })
  const answer = await lines.question(
    `The writes of ${file} will be sent to ${urls.join(' and ')}.\nThey enroll and unenroll people there: do this to copies only. Type yes: `,
  )
  lines.close()
  if (answer.trim() !== 'yes') throw new CommandError('Nothing was sent.')
}

function hidden(finding: Finding, hide: (text: string) => string): Finding {
  const { path, why, differences, lms, here } = finding
  return {
    ...finding,
    path: hide(path),
    ...(why !== undefined && { why: hide(why) }),
    ...(differences !== undefined && { differences: differences.map(hide) }),
    ...(lms !== undefined && { lms: { ...lms, body: hide(lms.body) } }),
    ...(here !== undefined && { here: { ...here, body: hide(here.body) } }),
  }
}

function baseUrlOf(value: string): string {
  const url = URL.parse(value)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It must be a URL that begins with http:// or https://.')
  }
  if (url.username !== '' || url.password !== '') throw new InvalidArgumentError('It must be a URL without a password.')
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function collect(value: string, others: readonly string[] = []): string[] {
  return [...others, value]
}

function positiveNumber(value: string): number {
  const number = Number(value)
  if (!(number > 0 && number <= 10_000)) throw new InvalidArgumentError('It must be a number above 0, at most 10000.')
  return number
}
