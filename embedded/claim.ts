import { setTimeout as sleep } from 'node:timers/promises'
import { Client, DatabaseError, escapeIdentifier } from 'pg'
import type { Cluster } from './cluster.ts'
import { HOST, lastLogEntries, launchPostmaster, runningPostmaster, type Postmaster } from './postmaster.ts'

/**
 * What a process holds as long as it uses an embedded server: a session with an advisory lock in it. The lock ends
 * with the process, however that ends, and names it while it lasts.
 */
export interface Claim {
  /** The session. That of a guest is notified when another process claims the server. */
  client: Client
  postmaster: Postmaster
  /** True when this process started the server. */
  launched: boolean
}

/** There is at most one owner at a time; any number of guests share the server with it and with each other. */
export type ClaimMode = 'owner' | 'guest'

/**
 * Claims the server that runs on the cluster's files, and starts one where none runs.
 *
 * @param onWaiting is told the process id of a server that runs already and has not answered for a second, once.
 * @throws when another process owns it, naming that process; when PostgreSQL cannot start, with its own words
 */
export async function claimServer(
  cluster: Cluster,
  mode: ClaimMode,
  onWaiting: (pid: number) => void = () => {},
): Promise<Claim> {
  const attempt: Attempt = { child: undefined, found: undefined }
  const timer = setTimeout(() => {
    const { child, found } = attempt
    if (found !== undefined && found.pid !== child) onWaiting(found.pid)
  }, QUIET_MS)
  try {
    return await attemptClaim(cluster, mode, attempt)
  } finally {
    clearTimeout(timer)
  }
}

interface Attempt {
  /** The process id of the server that was started here. */
  child: number | undefined
  /** The server that runs. */
  found: Postmaster | undefined
}

async function attemptClaim(cluster: Cluster, mode: ClaimMode, attempt: Attempt): Promise<Claim> {
  const started = Date.now()
  let patienceMs = ANSWER_MS
  let launches = 0
  while (Date.now() < started + patienceMs) {
    const postmaster = runningPostmaster(cluster)
    if (postmaster) {
      attempt.found = postmaster
      const client = await claim(cluster, postmaster, mode)
      if (client instanceof Client) return { client, postmaster, launched: postmaster.pid === attempt.child }
      if (client === 'starting') patienceMs = RECOVERY_MS
      await sleep(20)
    } else {
      const pause = LAUNCH_PAUSES_MS[launches++]
      if (pause === undefined)
        throw new Error(
          `PostgreSQL did not start in ${cluster.files}, under DATA_DIR: ${await lastLogEntries(cluster)}`,
        )
      await sleep(pause)
      attempt.child = await launchPostmaster(cluster)
    }
  }
  const waited = Math.round((Date.now() - started) / 1_000)
  throw new Error(
    `The PostgreSQL under DATA_DIR, process ${attempt.found?.pid} in ${cluster.files}, did not answer for ${waited} s: ` +
      `stop that process and try again. Its log is ${cluster.log}.`,
  )
}

const QUIET_MS = 1_000
/** For a server that does not say anything. */
const ANSWER_MS = 15_000
/** For one that says that it starts: one that recovers from a crash may need long. */
const RECOVERY_MS = 120_000

// Before each attempt: a port that was lost, or what a killed server left running, is gone by the next.
const LAUNCH_PAUSES_MS = [0, 200, 400, 800, 1_600]

/** @returns no session when the server says that it starts or stops, or does not answer, or ends meanwhile */
async function claim(
  cluster: Cluster,
  postmaster: Postmaster,
  mode: ClaimMode,
): Promise<Client | 'starting' | undefined> {
  if (!postmaster.port) return undefined
  const client = new Client({
    host: HOST,
    port: postmaster.port,
    user: 'postgres',
    password: cluster.password,
    database: 'postgres',
    ssl: false,
    application_name: `enrollment ${mode} ${process.pid}`,
    connectionTimeoutMillis: 5_000,
  })
  // The loss of the session shows as the end of the connection too.
  client.on('error', () => {})
  try {
    await client.connect()
    await (mode === 'owner' ? lockAsOwner(client, cluster) : lockAsGuest(client))
    await createDatabase(client, cluster.database)
    return client
  } catch (error) {
    await client.end()
    // Where the port was lost to another program, that is what answered.
    if (isPassing(error)) return error instanceof DatabaseError ? 'starting' : undefined
    if (runningPostmaster(cluster)?.pid !== postmaster.pid) return undefined
    throw error
  }
}

/** Class 57P: the server starts, stops, or was told to end the session. Without a code: there is no server to say one. */
function isPassing(error: unknown): boolean {
  if (error instanceof OwnedError) return false
  return !(error instanceof DatabaseError) || error.code?.startsWith('57P') === true
}

class OwnedError extends Error {}

// Two-part keys of advisory locks: "enrl", and what is locked.
const SPACE = 0x65_6e_72_6c
const OWNER = 1
const GUESTS = 2

async function lockAsOwner(client: Client, cluster: Cluster): Promise<void> {
  // The session of an owner that was killed this moment may still be closing.
  const deadline = Date.now() + 1_000
  while (!(await tryLock(client, OWNER))) {
    const owner = await findOwner(client)
    if (owner !== undefined && Date.now() > deadline) {
      throw new OwnedError(
        `The data directory ${cluster.dataDir} is in use by process ${owner}: stop it first, or set DATA_DIR to another.`,
      )
    }
    await sleep(50)
  }
  await client.query('notify arrival')
}

async function tryLock(client: Client, key: number): Promise<boolean> {
  const statement = 'select pg_try_advisory_lock($1, $2) as locked'
  const { rows } = await client.query<{ locked: boolean }>(statement, [SPACE, key])
  return rows[0]?.locked === true
}

async function findOwner(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `select activity.application_name as name
     from pg_locks join pg_stat_activity activity using (pid)
     where locktype = 'advisory' and classid = $1 and objid = $2 and granted`,
    [SPACE, OWNER],
  )
  return /^enrollment owner (\d+)$/.exec(rows[0]?.name ?? '')?.[1]
}

async function lockAsGuest(client: Client): Promise<void> {
  await client.query('select pg_advisory_lock_shared($1, $2)', [SPACE, GUESTS])
  await client.query('notify arrival')
  await client.query('listen arrival')
}

/**
 * For a guest that leaves: whether nobody else uses the server. When it says so, the locks it then holds keep
 * everybody out until the session or the server ends.
 */
export async function isLastGuest(client: Client): Promise<boolean> {
  await client.query('select pg_advisory_unlock_shared($1, $2)', [SPACE, GUESTS])
  return (await tryLock(client, GUESTS)) && (await tryLock(client, OWNER))
}

async function createDatabase(client: Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
  if (rowCount) return
  await client.query(`create database ${escapeIdentifier(name)}`).catch((error: unknown) => {
    // Another process was faster: duplicate_database, or the unique index behind it.
    if (!(error instanceof DatabaseError && (error.code === '42P04' || error.code === '23505'))) throw error
  })
}
