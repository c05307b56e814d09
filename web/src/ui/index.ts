/** The parts that screens are made of. */
export * from "./addon-icon";
export * from "./button";
export * from "./dialog";
export * from "./failure";
export * from "./field";
export * from "./form";
export * from "./icon";
export * from "./listed";
export * from "./note";
export * from "./page";
export * from "./step-up";
export * from "./time";
