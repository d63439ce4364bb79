import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'
import { freePort } from './free-port.ts'

const SERVER = 'prometheus'
const TOOL = 'promtool'

/** Where Prometheus is not installed its tests are skipped, and say so. */
export const hasPrometheus = [SERVER, TOOL].every((program) => spawnSync(program, ['--version']).status === 0)
if (!hasPrometheus) process.stderr.write('Prometheus is not installed: its tests are skipped.\n')

/** One series of the answer to a query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, value: string]
}

export interface Prometheus extends AsyncDisposable {
  /**
   * Asks for a value of now.
   *
   * @throws what Prometheus says of a query that is none.
   */
  query(expression: string): Promise<Series[]>
}

/**
 * Starts a Prometheus that looks at a server several times a second.
 *
 * @param target host and port.
 */
export async function openPrometheus(target: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(inject('scratch'), 'prometheus-'))
  const file = join(folder, 'prometheus.yml')
  const job = `{ job_name: enrollment, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{ targets: ['${target}'] }] }`
  await writeFile(file, `scrape_configs: [${job}]\n`)
  const port = await freePort()
  const options = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const child = spawn(SERVER, options, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (data: Buffer) => {
    log = (log + data.toString()).slice(-4_000)
  })
  const ended = once(child, 'exit')
  const base = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${base}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  for (let attempt = 0; !(await isReady()); attempt += 1) {
    if (child.exitCode !== null || attempt > 600) throw new Error(`Prometheus did not start: ${log}`)
    await sleep(50)
  }
  return {
    async query(expression) {
      const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expression)}`)
      const body = (await answer.json()) as { error?: string; data?: { result: Series[] } } // Prometheus' own form
      if (body.data === undefined) throw new Error(`${expression}: ${body.error}`)
      return body.data.result
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** What `promtool check rules` says of a file of rules; empty: nothing is wrong. */
export function faultsOfRules(path: string): string {
  const { status, stdout, stderr } = spawnSync(TOOL, ['check', 'rules', path], { encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}`
}
