/** As much of ONNX's protobuf as small test models need. */

type Field = readonly [number: number, value: bigint | string | Uint8Array];

const ELEMENT = { float32: 1n, int64: 7n } as const;
type Element = keyof typeof ELEMENT;

/** A tensor that the graph takes or gives; a dimension with a name may have any size. */
export interface TestPort {
  readonly name: string;
  readonly type: Element;
  readonly shape: readonly (number | string)[];
}

export interface TestNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole numbers. */
  readonly attributes?: Readonly<Record<string, number>>;
}

export interface TestConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

export interface TestGraph {
  readonly inputs: readonly TestPort[];
  readonly outputs: readonly TestPort[];
  readonly constants: readonly TestConstant[];
  readonly nodes: readonly TestNode[];
}

/** Writes a graph as the bytes of an ONNX file: IR version 8, operators of version 17. */
export function onnxFile({ inputs, outputs, constants, nodes }: TestGraph): Uint8Array {
  const graph = message([
    ...nodes.map((node): Field => [1, nodeMessage(node)]),
    [2, "test"],
    ...constants.map((constant): Field => [5, tensorMessage(constant)]),
    ...inputs.map((port): Field => [11, portMessage(port)]),
    ...outputs.map((port): Field => [12, portMessage(port)]),
  ]);
  return message([
    [1, 8n],
    [2, "slipway-tests"],
    [7, graph],
    [8, message([[2, 17n]])],
  ]);
}

function nodeMessage({ operator, inputs, output, attributes = {} }: TestNode): Uint8Array {
  return message([
    ...inputs.map((name): Field => [1, name]),
    [2, output],
    [4, operator],
    ...Object.entries(attributes).map(([name, value]): Field => {
      const INT = 2n;
      return [
        5,
        message([
          [1, name],
          [3, BigInt(value)],
          [20, INT],
        ]),
      ];
    }),
  ]);
}

function tensorMessage({ name, shape, values }: TestConstant): Uint8Array {
  const type = values instanceof Float32Array ? ELEMENT.float32 : ELEMENT.int64;
  return message([
    ...shape.map((size): Field => [1, BigInt(size)]),
    [2, type],
    [8, name],
    [9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)],
  ]);
}

function portMessage({ name, type, shape }: TestPort): Uint8Array {
  const dimensions = shape.map((size): Field => {
    const dimension: Field = typeof size === "number" ? [1, BigInt(size)] : [2, size];
    return [1, message([dimension])];
  });
  const tensor = message([
    [1, ELEMENT[type]],
    [2, message(dimensions)],
  ]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
}

function message(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(fields.map(([number, value]) => field(BigInt(number), value)));
}

function field(number: bigint, value: Field[1]): Uint8Array {
  if (typeof value === "bigint") return Buffer.concat([varint(number << 3n), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}
