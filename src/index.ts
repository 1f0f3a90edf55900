/** The library. What is exported here is the public interface, under semantic versioning; nothing else is. */
export { DEFAULT_DATE, DEFAULT_SEED, openBench } from "./bench/bench.js";
export type { Bench, BenchDevice, BenchOptions, CardTapRequest, TapRequest } from "./bench/bench.js";
export type { EmulatedBenchDevice, HeldCard, ProvisionReport } from "./bench/emulated-devices.js";
export type { CardBenchDevice, ReaderEvent, ReaderListing } from "./bench/pcsc.js";
export type { CardTapReport, TapReport, TapSummary } from "./bench/tap-report.js";
export type { AuthorisationRequest, AuthorisationResponse } from "./emv/acquirer.js";
export type { Cvm, ErrorIndication, KernelOutcome, OdaResult, UiRequest } from "./emv/outcome.js";
export { decodeBytes } from "./inspect/decode.js";
export { renderWaterfall, waterfall } from "./inspect/waterfall.js";
export { memoryTrace } from "./trace/memory.js";
export type { MemoryTrace } from "./trace/memory.js";
export { isTapbenchError, TapbenchError } from "./util/errors.js";
export type { Nanos } from "./util/time.js";
export type { TraceRecord, Tracer } from "./util/tracer.js";
