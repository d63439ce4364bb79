import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { takeInterrupt } from '../../../server/cli/streams.ts'

test('Ctrl-C asks to stop, also where npm hands on what it got as well; a second one ends the process', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never)
  using interrupt = takeInterrupt()
  process.emit('SIGINT')
  process.emit('SIGINT')
  expect(interrupt.signal.aborted).toBe(true)
  expect(exit).not.toHaveBeenCalled()
  await sleep(550)
  process.emit('SIGINT')
  expect(exit).toHaveBeenCalledExactlyOnceWith(130)
  exit.mockRestore()
})
