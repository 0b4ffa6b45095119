// What there is to know of a GPU, and how a line of nvidia-smi says it.

/** One GPU; what the driver does not tell is left out. */
export interface GpuReading {
  /** Index, as nvidia-smi counts. */
  readonly gpu: string;
  readonly memoryUsedBytes?: number | undefined;
  readonly memoryTotalBytes?: number | undefined;
  /** 0…1 */
  readonly utilizationRatio?: number | undefined;
  readonly powerWatts?: number | undefined;
  readonly temperatureCelsius?: number | undefined;
}

export interface GpuSource {
  /** What is known now; never throws, never waits. */
  latest(): readonly GpuReading[];
}

const FIELDS = ['index', 'memory.used', 'memory.total', 'utilization.gpu', 'power.draw', 'temperature.gpu'];
const BYTES_PER_MIB = 2 ** 20;

/** Makes nvidia-smi write one line a GPU: the fields, comma-separated, in MiB, %, W and °C. */
export const QUERY = [`--query-gpu=${FIELDS.join(',')}`, '--format=csv,noheader,nounits'];

/** Undefined where the line is no reading: an error, or an event that the driver reports between two. */
export function parseReading(line: string): GpuReading | undefined {
  const cells = line.split(',').map((cell) => cell.trim());
  const [gpu = '', memoryUsed, memoryTotal, utilization, power, temperature] = cells;
  if (cells.length !== FIELDS.length || !/^\d+$/.test(gpu)) return undefined;
  return {
    gpu,
    memoryUsedBytes: numberIn(memoryUsed, (mib) => mib * BYTES_PER_MIB),
    memoryTotalBytes: numberIn(memoryTotal, (mib) => mib * BYTES_PER_MIB),
    utilizationRatio: numberIn(utilization, (percent) => percent / 100),
    powerWatts: numberIn(power),
    temperatureCelsius: numberIn(temperature),
  };
}

/** Undefined for what stands in place of a number: `[N/A]`, `[Not Supported]`, `[GPU requires reset]`. */
function numberIn(cell: string | undefined, toBaseUnit = (value: number) => value): number | undefined {
  return cell !== undefined && /^-?\d+(\.\d+)?$/.test(cell) ? toBaseUnit(Number(cell)) : undefined;
}
