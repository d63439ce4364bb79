import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'

// `exitWell` is tried in a process of its own: each program stops by saying so, and would run for ever otherwise.
const PREPARED = `
  import { exitWell } from ${JSON.stringify(new URL('../../server/exit.ts', import.meta.url).href)}
  setInterval(() => {}, 1_000)
  const report = (error, message) => console.log(message, error.message)
  const stop = async () => console.log('stopped')
`

describe.skipIf(process.platform === 'win32')('a signal', () => {
  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s stops what runs and ends with 0', async (signal) => {
    const ended = await run(`exitWell({ stop, report }); process.kill(process.pid, '${signal}')`)
    expect(ended).toEqual({ code: 0, output: 'stopped\n' })
  })

  test('that npm repeats is heard once', async () => {
    const twice = `process.kill(process.pid, 'SIGINT'); setTimeout(() => process.kill(process.pid, 'SIGINT'), 50)`
    const slow = `const slow = () => new Promise((done) => setTimeout(done, 300)).then(stop)`
    // Time stands still, however long the process does not run between the two.
    const still = `const now = Date.now(); Date.now = () => now`
    expect(await run(`${still}; ${slow}; exitWell({ stop: slow, report }); ${twice}`)).toEqual({
      code: 0,
      output: 'stopped\n',
    })
  })

  test('ends with 1 when stopping fails', async () => {
    const failing = `async () => { throw new Error('stuck') }`
    const ended = await run(`exitWell({ stop: ${failing}, report }); process.kill(process.pid, 'SIGTERM')`)
    expect(ended).toEqual({ code: 1, output: 'stopping failed stuck\n' })
  })
})

test.for([`setTimeout(() => { throw new Error('boom') })`, `Promise.reject(new Error('boom'))`])(
  'an error that nobody caught is reported and ends with 1, after everything has stopped: %s',
  async (failure) => {
    expect(await run(`exitWell({ stop, report }); ${failure}`)).toEqual({
      code: 1,
      output: 'uncaught error boom\nstopped\n',
    })
  },
)

async function run(program: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PREPARED + program])
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)))
  const [code] = await once(child, 'close')
  return { code, output }
}
