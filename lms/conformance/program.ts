import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { describeError, CommandError } from '../../server/cli/failure.ts'
import { write, type Streams } from '../../server/cli/streams.ts'
import { openStatusLine } from '../cli/status-line.ts'
import { hiderOf } from '../exchange/hide.ts'
import { NoAnswer, openServer } from '../exchange/server.ts'
import { get } from './build.ts'
import { SIGNED_IN, type Credentials } from './callers.ts'
import { isReading, type Case } from './case.ts'
import { allCases } from './cases/all.ts'
import { NAMES, type Names } from './names.ts'
import { runConformance } from './run.ts'
import { setupLines } from './setup.ts'
import { countsBySection, countsOf, summary } from './summary.ts'
import { targetOf } from './target.ts'

interface Options {
  readonly url?: string
  readonly key?: string
  readonly jwtSecret?: string
  readonly jwtClaims?: Readonly<Record<string, unknown>>
  readonly token: Readonly<Record<string, string>>
  readonly name: Readonly<Record<string, string>>
  readonly only: readonly string[]
  readonly readOnly?: boolean
  readonly freshAccounts?: boolean
  readonly list?: boolean
  readonly printSetup?: boolean
  readonly timeout: number
  readonly json?: boolean
}

/**
 * `npm run conformance`: the cases of rest-v1 against a server (adoption.md §7).
 *
 * @param args what stands after the program's name.
 * @returns what the process ends with: 0 no case failed, 1 some did, 2 wrong usage or the server cannot be reached.
 */
export async function conformance(args: readonly string[], streams: Streams): Promise<number> {
  const program = describeProgram(streams)
  try {
    program.parse(args, { from: 'user' })
    return await run(program.opts<Options>(), streams)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    streams.stderr.write(`${error instanceof NoAnswer ? `${error.message}.` : describeError(error)}\n`)
    return 2
  }
}

function describeProgram({ stdout, stderr }: Streams): Command {
  return new Command('npm run conformance --')
    .description(
      `Runs the cases of the contract of the REST API (docs/contract/rest-v1.md) against a server, ours or an LMS. They write
only to accounts and course runs of their own, which --print-setup makes. docs/conformance.md tells what they need.`,
    )
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('Add --help to see how it is used.')
    .option('--url <url>', 'where the server is', urlOf)
    .option('--key <key>', 'its API key')
    .option('--jwt-secret <secret>', 'signs tokens for the accounts (HS256)')
    .option('--jwt-claims <json>', 'further claims of those tokens, such as {"iss": "…", "aud": "…"}', claimsOf)
    .option(
      '--token <caller=token>',
      `a token that somebody else made; callers: ${SIGNED_IN.join(', ')}`,
      pairOf(SIGNED_IN),
      {},
    )
    .option('--name <what=name>', 'another account or course run than that of the pack', pairOf(Object.keys(NAMES)), {})
    .option('--only <sections>', 'only these sections, between commas, such as 3.2 or "3.2 row 15a"', sectionsOf, [])
    .option('--read-only', 'only the cases that write nothing')
    .option('--fresh-accounts', 'also on an LMS the cases for which a token makes an account')
    .option('--list', 'print the cases, and run none')
    .option('--print-setup', 'print what the cases need, as lines for: npm run cli -- import -')
    .option('--timeout <seconds>', 'how long an answer may take', secondsOf, 30)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
It ends with 0 when no case failed, 1 when some did, 2 when it was used wrongly or the server cannot be reached.

Examples:
  $ npm run --silent conformance -- --print-setup | npm run cli -- import -
  $ npm run conformance -- --url http://127.0.0.1:8000 --key KEY --jwt-secret SECRET
  $ npm run conformance -- --url https://lms.example.org --key KEY --read-only`,
    )
}

async function run(options: Options, streams: Streams): Promise<number> {
  const { json = false, readOnly = false } = options
  const names: Names = { ...NAMES, ...options.name }
  if (options.printSetup === true) {
    await write(
      streams.stdout,
      setupLines(names)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    )
    return 0
  }
  const cases = allCases(names).filter(({ section }) => isChosen(section, options.only))
  if (cases.length === 0) throw new CommandError(`There is no case of ${options.only.join(', ')}: see --list.`)
  if (options.list === true) {
    await write(streams.stdout, json ? `${JSON.stringify({ cases: cases.map(listed) })}\n` : cases.map(lineOf).join(''))
    return 0
  }
  if (options.url === undefined) throw new CommandError('Say with --url where the server is.')
  return runAgainst(options.url, { options, names, cases, readOnly, json }, streams)
}

interface Plan {
  readonly options: Options
  readonly names: Names
  readonly cases: readonly Case[]
  readonly readOnly: boolean
  readonly json: boolean
}

async function runAgainst(
  url: string,
  { options, names, cases, readOnly, json }: Plan,
  streams: Streams,
): Promise<number> {
  using status = openStatusLine(streams)
  let isTold = false
  const onWait = () => {
    status.clear()
    if (!isTold) streams.stderr.write('The server limits how often one may ask: waiting whenever it says so.\n')
    isTold = true
  }
  await using server = openServer(url, { timeoutMs: options.timeout * 1_000, connections: 2, onWait })
  const target = await targetOf(server)
  const { key, jwtSecret, jwtClaims = {}, token: tokens } = options
  if (key !== undefined) await checkKey(url, await server.send(get('/enrollment?user=', { 'x-edx-api-key': key })))
  const freshAccounts = target === 'here' || options.freshAccounts === true
  const credentials: Credentials = { key, jwtSecret, jwtClaims, tokens, freshAccounts }
  let done = 0
  const results = await runConformance({
    server,
    target,
    cases,
    names,
    credentials,
    readOnly,
    onResult: () => status.update(`${(done += 1)} of ${cases.length} cases`),
  })
  status.clear()
  const counts = countsOf(results)
  const hide = hiderOf([key, jwtSecret, ...Object.values(tokens)].flatMap((secret) => secret ?? []))
  const told = results.filter(({ kind }) => kind !== 'passed')
  const words = json
    ? `${JSON.stringify({ url, target, ...counts, sections: Object.fromEntries(countsBySection(results)), results: told })}\n`
    : `${describeTarget(url, target)}\n\n${summary(results)}`
  await write(streams.stdout, hide(words))
  if (counts.failed > 0) return 1
  return counts.passed + counts.known === 0 ? 2 : 0
}

function describeTarget(url: string, target: 'here' | 'lms'): string {
  return target === 'here'
    ? `${url} is this service: rest-v1 counts as a whole.`
    : `${url} is not this service: what rest-v1 §0 decides otherwise counts as a known difference.`
}

async function checkKey(url: string, { status }: { status: number }): Promise<void> {
  if (status === 401 || status === 403) throw new CommandError(`${url} does not take this API key.`)
}

/** `3.2` chooses `3.2` and `3.2 row 1`, not `3.20`. */
function isChosen(section: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((each) => section === each || section.startsWith(`${each} `))
}

function listed(each: Case) {
  const { section, what, known } = each
  return {
    section,
    what,
    writes: !isReading(each),
    as: each.steps.map(({ as }) => as),
    ...(known !== undefined && { known }),
  }
}

function lineOf(each: Case): string {
  const callers = [...new Set(each.steps.map(({ as }) => as))].join(', ')
  return `§${each.section.padEnd(16)} ${isReading(each) ? 'reads ' : 'writes'} ${each.what} (${callers})\n`
}

function urlOf(value: string): string {
  const url = URL.parse(value)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It must be a URL that begins with http:// or https://.')
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function claimsOf(value: string): Record<string, unknown> {
  try {
    const claims: unknown = JSON.parse(value)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return { ...claims }
  } catch {
    // As with what is JSON, and no object.
  }
  throw new InvalidArgumentError('It must be a JSON object.')
}

function pairOf(keys: readonly string[]) {
  return (value: string, others: Readonly<Record<string, string>>): Record<string, string> => {
    const [, key = '', text = ''] = /^([^=]+)=(.+)$/s.exec(value) ?? []
    if (!keys.includes(key))
      throw new InvalidArgumentError(`It must be written as name=value, with one of ${keys.join(', ')}.`)
    return { ...others, [key]: text }
  }
}

function sectionsOf(value: string, others: readonly string[]): string[] {
  return [...others, ...value.split(',').map((section) => section.trim().replace(/^§\s*/, ''))]
}

function secondsOf(value: string): number {
  const seconds = Number(value)
  if (!(seconds > 0 && seconds <= 600)) throw new InvalidArgumentError('It must be a number of seconds, at most 600.')
  return seconds
}
