import { setTimeout as sleep } from 'node:timers/promises'
import { claimServer, isLastGuest, type Claim, type ClaimMode } from './claim.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { HOST, requestShutdown, stopPostmaster } from './postmaster.ts'

export interface EmbeddedDatabase extends AsyncDisposable {
  /** Connects the superuser to the database that was asked for. */
  connectionString: string
  /** True when a server that already ran under the data directory was joined. */
  joined: boolean
  /** Ends this process's use of the server, without which it stays alive. Close your own connections first. */
  stop(): Promise<void>
}

export interface EmbeddedDatabaseOptions {
  /** The directory of the files that stay between starts, `postgres/` and `postgres.log`; created with mode 0700. */
  dataDir: string
  /** An owner is the only one, and its end stops the server. Where there is no owner, the last guest stops it. */
  mode: ClaimMode
  /** False gives up safety from power loss for speed: only for data that may be lost. */
  durable?: boolean
  /** PostgreSQL settings by name; without effect on a server that was joined. */
  settings?: Record<string, string>
  /** Created where it does not exist; `enrollment` unless given. */
  database?: string
  /** Called once when a server that runs already, as this process, has not answered for a second. */
  onWaiting?: (pid: number) => void
}

/**
 * Starts a PostgreSQL server of our own under a data directory, or joins the one that runs there. It listens on the
 * loopback interface only, on a free port. The server of an owner that dies is started again, on the same port.
 *
 * @throws when another process owns the directory, when the platform has no binaries, when PostgreSQL cannot start
 */
export async function startEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { dataDir, mode, durable = true, settings = {}, database = 'enrollment', onWaiting } = options
  const cluster = await openCluster({ dataDir, database, durable, settings })
  const claim = await claimServer(cluster, mode, onWaiting)
  const release = mode === 'owner' ? keepAsOwner(cluster, claim) : keepAsGuest(cluster, claim)
  let released: Promise<void> | undefined
  const stop = () => (released ??= release())
  const address = `${HOST}:${claim.postmaster.port}/${encodeURIComponent(database)}`
  return {
    connectionString: `postgresql://postgres:${cluster.password}@${address}?sslmode=disable`,
    joined: !claim.launched,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function keepAsOwner(cluster: Cluster, first: Claim): () => Promise<void> {
  let claim: Claim | undefined
  let revival: Promise<void> | undefined
  let stopping = false

  const hold = (next: Claim) => {
    claim = next
    next.client.once('end', () => {
      claim = undefined
      if (!stopping) revival = revive()
    })
  }
  const revive = async () => {
    while (!stopping && !claim) {
      try {
        hold(await claimServer(cluster, 'owner'))
      } catch {
        // The disk may be full, or another owner may have come; either can pass.
        await sleep(1_000, undefined, { ref: false })
      }
    }
  }
  const onExit = () => {
    if (claim) requestShutdown(cluster, claim.postmaster, 'fast')
  }

  hold(first)
  process.once('exit', onExit)
  return async () => {
    stopping = true
    await revival
    process.off('exit', onExit)
    if (!claim) return
    const { client, postmaster } = claim
    await stopPostmaster(cluster, postmaster)
    await client.end()
  }
}

function keepAsGuest(cluster: Cluster, claim: Claim): () => Promise<void> {
  const { client, postmaster, launched } = claim
  let alone = launched
  let connected = true
  client.on('notification', () => (alone = false))
  client.once('end', () => (connected = false))
  const onExit = () => {
    if (alone && connected) requestShutdown(cluster, postmaster, 'smart')
  }

  process.once('exit', onExit)
  return async () => {
    process.off('exit', onExit)
    if (!connected) return
    // Where the question fails, the owner has just stopped the server.
    if (await isLastGuest(client).catch(() => false)) await stopPostmaster(cluster, postmaster)
    await client.end()
  }
}
