import type { ConnectOptions, WorkloadApiClient } from '@countersign/workload-api'
import type { BrokerApiClient, ConnectBrokerOptions, referToPid } from '@countersign/workload-api/broker'
import type { Program } from './programs/program.ts'
import { keepYoungGenerationSmall } from './programs/young-generation.ts'

/** What is done to a server's data while it may be stopped. */
export type ServerData = Pick<
  typeof import('@countersign/server'),
  'loadServerConfig' | 'backUpStopped' | 'restoreBackup' | 'examineServer' | 'encryptStream' | 'readManifest'
>

/** Packages that take long to load; a verb loads the one it needs when it runs, so that `--help` stays quick. */
export interface HeavyModules {
  server(): Promise<Program>
  agent(): Promise<Program>
  serverData(): Promise<ServerData>
  workloadApi(): Promise<{ connectWorkloadApi(options: ConnectOptions): WorkloadApiClient }>
  sdk(): Promise<Pick<typeof import('@countersign/sdk'), 'connect' | 'TokenClient' | 'withoutAgent'>>
  brokerApi(): Promise<{
    connectBrokerApi(options: ConnectBrokerOptions): BrokerApiClient
    readonly referToPid: typeof referToPid
  }>
}

export const heavyModules: HeavyModules = {
  server: async () => (await import('./programs/server-program.ts')).serverProgram,
  agent: async () => {
    // Before anything is loaded: what has grown does not shrink.
    keepYoungGenerationSmall()
    return (await import('./programs/agent-program.ts')).agentProgram
  },
  serverData: () => import('@countersign/server'),
  workloadApi: () => import('@countersign/workload-api'),
  sdk: () => import('@countersign/sdk'),
  brokerApi: () => import('@countersign/workload-api/broker'),
}
