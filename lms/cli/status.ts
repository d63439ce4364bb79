import type { Command } from 'commander'
import { describeError } from '../../server/cli/failure.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import { readStatus, type LmsStatus } from '../status/read-status.ts'
import { openLmsSource } from '../source/source.ts'

/** `lms status`: how it stands with the LMS (adoption.md §4). */
export function addStatus(lms: Command, session: Session): void {
  lms
    .command('status')
    .summary('show how it stands with the LMS: what is followed and how far, owners, rows kept aside')
    .description(
      `Shows whether the database of the LMS answers, how far each stream is followed, how many course runs either side owns, and
which rows are kept aside, and why. With LMS_FOLLOW=on each stream is seconds behind at most; it says what is in the way.`,
    )
    .option('--json', 'print one JSON object: {"source", "streams", "owners", "aside", "mirror"}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- lms status
  $ npm run --silent cli -- lms status --json`,
    )
    .action((options: { json?: boolean }) => printStatus(session, options.json === true))
}

async function printStatus(session: Session, json: boolean): Promise<void> {
  const url = session.config().lms.databaseUrl
  const source = url === undefined ? null : await reach(url)
  const status = await withDatabase(session, (db) => readStatus(db), 'read')
  const all = { source, ...status }
  await write(session.stdout, json ? `${JSON.stringify(all)}\n` : words(all))
}

/** Milliseconds in which the LMS has to answer. */
const TIMEOUT_MS = 3_000

interface Source {
  readonly isReachable: boolean
  /** Null: nothing is wrong. */
  readonly error: string | null
}

async function reach(url: string): Promise<Source> {
  try {
    await using source = await openLmsSource(url, { timeoutMs: TIMEOUT_MS })
    const isLms = (await source.columns('auth_user')).size > 0
    return { isReachable: true, error: isLms ? null : 'It has no table auth_user, or it may not be read.' }
  } catch (error) {
    return { isReachable: false, error: describeError(error) }
  }
}

function words({ source, streams, owners, aside, mirror }: LmsStatus & { readonly source: Source | null }): string {
  const lines = [
    source === null
      ? 'The database of the LMS: LMS_DATABASE_URL is not set.'
      : `The database of the LMS: ${wordsOf(source)}`,
    '',
    ...(streams.length === 0 ? ['Nothing is followed: LMS_FOLLOW=on follows the LMS.'] : ['Followed:']),
    ...streams.flatMap(({ name, position, lagSeconds, pending, remark, lastError }) => [
      `  ${name.padEnd(15)} ${`${lagSeconds.toFixed(1)} s behind`.padEnd(18)} ${position ?? ''}${pending > 0 ? ` ${pending} rows to come` : ''}`.trimEnd(),
      ...(remark === null ? [] : [`    ${remark}`]),
      ...(lastError === null ? [] : [`    failed: ${lastError}`]),
    ]),
    '',
    `Course runs: ${owners.here} owned here, ${owners.lms} by the LMS.`,
    ...(aside.length === 0 ? ['No rows are kept aside.'] : ['Rows kept aside:']),
    ...aside.map(({ table, why, rows, example }) => `  ${String(rows).padStart(6)} ${table}: ${why} (e.g. ${example})`),
    ...(mirror === null
      ? []
      : [`Mirror: ${mirror.due} due, ${mirror.refused} refused by the LMS, ${mirror.unsent} that cannot be sent.`]),
  ]
  return `${lines.join('\n')}\n`
}

function wordsOf({ isReachable, error }: Source): string {
  return isReachable && error === null ? 'it answers.' : (error ?? '')
}
