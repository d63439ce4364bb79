import type { Database } from '../../core/database/open.ts'
import { createHandFunction } from '../baselines.ts'
import { openFarPostgres } from '../far/proxy.ts'
import { openHandPool, type HandPool } from '../hand-pool.ts'
import { startLoadProcess, type LoadProcess } from '../load-process.ts'
import { openPeers, type Peers } from '../peers.ts'
import { findPgbench, type Pgbench } from '../pgbench.ts'
import { openPool, openStore } from '../postgres.ts'
import type pg from 'pg'
import { openServer, type BenchServer } from '../server.ts'
import type { World } from '../world.ts'

/** What the measures run on. */
export interface Rig extends AsyncDisposable {
  readonly world: World
  readonly server: BenchServer
  readonly load: LoadProcess
  readonly pgbench: Pgbench | undefined
  hand(): Promise<HandPool>
  peers(): Promise<Peers>
  far(): Promise<FarRig>
}

/** The same database by a way that takes {@link FAR_MS} longer. */
export interface FarRig {
  readonly db: Database
  readonly pool: pg.Pool
  readonly server: BenchServer
  readonly hand: HandPool
  flushes(): Promise<number>
}

/** How far away the far measures have PostgreSQL: a round trip between two machines of one data centre, or of two nearby. */
export const FAR_MS = 1

/** Opens what all measures need; the rest when a measure asks for it. */
export async function openRig(world: World): Promise<Rig> {
  await using undo = new AsyncDisposableStack()
  const server = undo.use(await openServer(world.db))
  const load = undo.use(startLoadProcess())
  await createHandFunction(world.pool)
  const pgbench = await findPgbench(world.connectionString)
  const stack = undo.move()
  const hand = once(async () => stack.use(await openHandPool(world)))
  return {
    ...{ world, server, load, pgbench, hand },
    peers: once(async () =>
      stack.use(await openPeers({ db: world.db, handPool: (await hand()).pool, token: server.token })),
    ),
    far: once(() => openFar(world, stack)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function openFar(world: World, stack: AsyncDisposableStack): Promise<FarRig> {
  const { connectionString, flushes } = stack.use(await openFarPostgres(world.connectionString, FAR_MS))
  const db = stack.use(openStore(connectionString))
  const pool = openPool(connectionString, 1)
  stack.defer(() => pool.end())
  const server = stack.use(await openServer(db))
  const hand = stack.use(await openHandPool({ ...world, connectionString }))
  return { db, pool, server, hand, flushes }
}

function once<Value>(open: () => Promise<Value>): () => Promise<Value> {
  let opened: Promise<Value> | undefined
  return () => (opened ??= open())
}
