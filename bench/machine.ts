import { cpus } from 'node:os'
import type pg from 'pg'

/** On what a run was measured: versions, and the number of processors. */
export async function describeMachine(pool: pg.Pool) {
  const { rows } = await pool.query<{ version: string }>(`select current_setting('server_version') as version`)
  return { node: process.versions.node, postgres: rows[0]?.version, cpus: cpus().length }
}
