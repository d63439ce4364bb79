import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Database } from '../../core/database/open.ts'
import { readConsumers } from '../../core/event/consumers.ts'
import type { Webhook } from '../../core/webhook/webhook.ts'
import { callContextOf } from '../../routers/call.ts'
import { callerOf, type Caller } from '../../routers/caller.ts'
import { resolveSecrets } from '../secrets.ts'
import { CLI_ACTOR, inWords } from './caller.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'
import { deliveryLines, webhookLines, type ListedWebhook } from './webhook-lines.ts'

type Webhooks = Caller['webhooks']
type Input<Name extends keyof Webhooks> = NonNullable<Parameters<Webhooks[Name]>[0]>

interface Json {
  readonly json?: boolean
}

interface FieldOptions extends Json {
  readonly url?: string
  readonly description?: string
  readonly kind?: string[]
  readonly course?: string[]
  readonly format?: 'enrollment' | 'openedx'
  readonly state?: 'enabled' | 'disabled'
}

/** `webhook`: the endpoints that are sent changes of enrollments, and their deliveries (events.md §3). */
export function addWebhook(program: Command, session: Session): void {
  const command = program
    .command('webhook')
    .summary('endpoints that are sent changes of enrollments')
    .description(
      `Webhooks send changes of enrollments to other systems, signed as Standard Webhooks 1.0 says. A running server sends
them; these commands say what, and where to.`,
    )
    .addHelpText(
      'after',
      `
Examples:
  $ npm run --silent cli -- webhook create https://example.org/hook --kind created deactivated
  $ npm run --silent cli -- webhook list
  $ npm run --silent cli -- webhook deliveries <id> --state dead
  $ npm run --silent cli -- webhook replay <id> --after 0-0`,
    )
  addCreate(command, session)
  addList(command, session)
  addUpdate(command, session)
  addSimple(command, session)
  addDeliveries(command, session)
  addReplay(command, session)
}

function addCreate(command: Command, session: Session): void {
  withFields(command.command('create').argument('<url>', 'that is sent to'))
    .summary('make an endpoint')
    .description(
      'Makes an endpoint and prints its id and its secret. This is the only time that the secret can be seen.',
    )
    .option('--json', 'print one JSON object: {"id", "secret"}')
    .action(async (url: string, { json, ...options }: FieldOptions) => {
      const made = await withWebhooks(session, (webhooks) => webhooks.create({ url, ...fieldsOf(options) }))
      await print(session, made, json, `${made.id}\n${made.secret}\n`)
      if (json !== true) session.stderr.write('The second line is the secret. Keep it now: it cannot be shown again.\n')
    })
}

function addList(command: Command, session: Session): void {
  command
    .command('list')
    .summary('list the endpoints, how far each is and what fails')
    .description('Lists all endpoints, the oldest first: state, position in the feed, lag and last error of each.')
    .option('--json', 'print one JSON object: {"webhooks": [{…, "cursor", "lagEvents", "lagSeconds"}]}')
    .action(async ({ json }: Json) => {
      const webhooks = await withWebhooks(
        session,
        async (each, db) => {
          const listed: Webhook[] = []
          for (let cursor: string | null | undefined; cursor !== null;) {
            const page = await each.list({ cursor })
            listed.push(...page.items)
            cursor = page.nextCursor
          }
          return withStatus(db, listed)
        },
        'read',
      )
      await print(session, { webhooks }, json, webhookLines(webhooks))
    })
}

/** Adds to endpoints how far each is. */
async function withStatus(db: Database, webhooks: readonly Webhook[]): Promise<ListedWebhook[]> {
  const statuses = new Map((await readConsumers(db, new Date())).map((status) => [status.name, status]))
  return webhooks.map((webhook) => {
    const { name: _, ...status } = statuses.get(`webhook:${webhook.id}`) ?? UNKNOWN
    return { ...webhook, ...status }
  })
}

const UNKNOWN = { name: '', cursor: null, lagEvents: 0, lagSeconds: 0, lastError: null }

function addUpdate(command: Command, session: Session): void {
  withFields(command.command('update').argument('<id>', 'of the endpoint'))
    .summary('change an endpoint')
    .description('Changes what is given of an endpoint. Disabling it makes its pending deliveries dead.')
    .option('--url <url>', 'that is sent to')
    .addOption(new Option('--state <state>', 'whether it is sent anything').choices(['enabled', 'disabled']))
    .option('--json', 'print one JSON object: the endpoint')
    .action(async (id: string, { json, url, state, ...options }: FieldOptions) => {
      const change = { id, url, state, ...fieldsOf(options) }
      const changed = await withWebhooks(session, (webhooks) => webhooks.update(change))
      await print(session, changed, json, `${changed.url} is ${changed.state} (${changed.id}).\n`)
    })
}

/** What takes an id alone. */
function addSimple(command: Command, session: Session): void {
  command
    .command('get')
    .summary('show an endpoint')
    .argument('<id>', 'of the endpoint')
    .option('--json', 'print one JSON object: the endpoint with "cursor", "lagEvents", "lagSeconds"')
    .action(async (id: string, { json }: Json) => {
      const read = async (webhooks: Webhooks, db: Database) => withStatus(db, [await webhooks.get({ id })])
      const found = await withWebhooks(session, read, 'read')
      await print(session, found[0] ?? {}, json, webhookLines(found))
    })
  command
    .command('delete')
    .summary('delete an endpoint')
    .argument('<id>', 'of the endpoint')
    .option('--json', 'print one JSON object: {"id"}')
    .action(async (id: string, { json }: Json) => {
      const deleted = await withWebhooks(session, (webhooks) => webhooks.delete({ id }))
      await print(session, deleted, json, `The endpoint ${id} is sent nothing any more.\n`)
    })
  command
    .command('rotate-secret')
    .summary('give an endpoint a new secret')
    .description('Makes a new secret and prints it. The one before signs as well until the overlap ends.')
    .argument('<id>', 'of the endpoint')
    .option('--overlap-hours <hours>', 'how long both sign', hours, 24)
    .option('--json', 'print one JSON object: {"id", "secret"}')
    .action(async (id: string, { json, overlapHours }: Json & { readonly overlapHours: number }) => {
      const made = await withWebhooks(session, (webhooks) => webhooks.rotateSecret({ id, overlapHours }))
      await print(session, made, json, `${made.secret}\n`)
    })
  command
    .command('test')
    .summary('send a webhook.test')
    .argument('<id>', 'of the endpoint')
    .option('--json', 'print one JSON object: the delivery')
    .action(async (id: string, { json }: Json) => {
      const delivery = await withWebhooks(session, (webhooks) => webhooks.test({ id }))
      await print(session, delivery, json, `A running server sends the delivery ${delivery.id} in a moment.\n`)
    })
}

function addDeliveries(command: Command, session: Session): void {
  command
    .command('deliveries')
    .summary('list what was sent, and what came of it')
    .description('Lists the deliveries of an endpoint, the newest first, 100 at a time.')
    .argument('<id>', 'of the endpoint')
    .addOption(new Option('--state <state>', 'only these').choices(['pending', 'delivered', 'dead']))
    .option('--cursor <cursor>', 'that the page before ended with')
    .option('--json', 'print one JSON object: {"items", "nextCursor"}')
    .action(async (id: string, { json, ...options }: Json & Omit<Input<'deliveries'>, 'id'>) => {
      const page = await withWebhooks(session, (webhooks) => webhooks.deliveries({ id, ...options }), 'read')
      await print(session, page, json, deliveryLines(page))
    })
}

function addReplay(command: Command, session: Session): void {
  const replay = command.command('replay')
  replay
    .summary('send deliveries again')
    .description('Has all events after a cursor sent again, in their order and one at a time, or one delivery.')
    .argument('<id>', 'of the endpoint')
    .option('--after <cursor>', 'all events after it; 0-0 is the beginning')
    .option('--delivery <delivery>', 'this one alone')
    .option('--json', 'print one JSON object: {"through"}')
    .action(async (id: string, options: Json & { readonly after?: string; readonly delivery?: string }) => {
      const { json, after, delivery: deliveryId } = options
      if ((after === undefined) === (deliveryId === undefined)) {
        replay.error('error: name what is sent again by one of --after and --delivery', { exitCode: 2 })
      }
      const input = after === undefined ? { id, deliveryId: deliveryId ?? '' } : { id, after }
      const replayed = await withWebhooks(session, (webhooks) => webhooks.replay(input))
      await print(session, replayed, json, 'A running server sends it again in a moment.\n')
    })
}

function withFields(command: Command): Command {
  return command
    .option('--description <text>', 'for people')
    .option('--kind <kind...>', 'created, reactivated, modeChanged, deactivated; all unless given')
    .option('--course <key...>', 'keys of course runs; all unless given')
    .addOption(new Option('--format <format>', 'of the data').choices(['enrollment', 'openedx']))
}

function fieldsOf({ kind, course, description, format }: FieldOptions): object {
  return { description, kinds: kind, courseIds: course, format }
}

function hours(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 720))
    throw new InvalidArgumentError('It is a number from 0 to 720.')
  return value
}

/** Calls the operations of webhooks; what they refuse is told in their words. */
async function withWebhooks<T>(
  session: Session,
  work: (webhooks: Webhooks, db: Database) => Promise<T>,
  use: 'read' | 'write' = 'write',
): Promise<T> {
  const config = session.config()
  const { webhookKeys: secretKeys = [] } = await resolveSecrets(config)
  const webhooks = { secretKeys, allowedNetworks: config.webhooks.allowedNetworks }
  const call = (db: Database) => work(callerOf(callContextOf({ db, webhooks, actor: CLI_ACTOR }, 'cli')).webhooks, db)
  return withDatabase(session, call, use).catch(inWords)
}

function print(session: Session, value: object, json: boolean | undefined, text: string): Promise<void> {
  return write(session.stdout, json === true ? `${JSON.stringify(value)}\n` : text)
}
