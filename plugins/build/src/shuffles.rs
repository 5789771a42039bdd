//! Shuffles of one vector, as the host's compiler knows them.
//!
//! WebAssembly shuffles two vectors. For a shuffle of one, LLVM names any local as the second one,
//! because nothing of it is taken. Cranelift makes one instruction where both are the same vector,
//! and three where they are not. So both are made the same here; no result changes by it.

use anyhow::Result;
use std::collections::VecDeque;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, Instruction, Module, ValType};
use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload};

/// `module` with the first vector in the second one's place where nothing is taken of that.
pub(crate) fn of_one_vector(module: &[u8]) -> Result<Vec<u8>> {
    let mut encoded = Module::new();
    let mut shuffles = Shuffles { parameters: parameters(module)? };
    shuffles.parse_core_module(&mut encoded, Parser::new(0), module)?;
    Ok(encoded.finish())
}

/// How many parameters each function in `module` has: its locals are numbered behind them.
fn parameters(module: &[u8]) -> Result<VecDeque<u32>> {
    let (mut of_types, mut of_functions) = (Vec::new(), VecDeque::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(groups) => {
                for group in groups {
                    of_types.extend(group?.into_types().map(|it| match it.composite_type.inner {
                        CompositeInnerType::Func(it) => it.params().len(),
                        _ => 0,
                    }));
                }
            }
            Payload::FunctionSection(types) => {
                for of_type in types {
                    of_functions.push_back(u32::try_from(of_types[of_type? as usize])?);
                }
            }
            _ => {}
        }
    }
    Ok(of_functions)
}

struct Shuffles {
    /// Of the functions that are still to come.
    parameters: VecDeque<u32>,
}

impl Reencode for Shuffles {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        function: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let mut spare = self.parameters.pop_front().expect("a type for each function");
        let operators: Vec<_> =
            function.get_operators_reader()?.into_iter().collect::<Result<_, _>>()?;
        if !operators.windows(2).any(is_of_one) {
            return utils::parse_function_body(self, code, function);
        }
        let mut locals = Vec::new();
        for group in function.get_locals_reader()? {
            let (count, of_type) = group?;
            spare += count;
            locals.push((count, self.val_type(of_type)?));
        }
        locals.push((1, ValType::V128));
        let mut encoded = Function::new(locals);
        for (index, operator) in operators.iter().enumerate() {
            if operators.get(index..index + 2).is_some_and(is_of_one) {
                encoded.instruction(&Instruction::LocalTee(spare));
                encoded.instruction(&Instruction::LocalGet(spare));
            } else {
                encoded.instruction(&self.instruction(operator.clone())?);
            }
        }
        code.function(&encoded);
        Ok(())
    }
}

/// Whether a local is given to a shuffle that takes nothing of it.
fn is_of_one(pair: &[Operator<'_>]) -> bool {
    let [Operator::LocalGet { .. }, Operator::I8x16Shuffle { lanes }] = pair else { return false };
    lanes.iter().all(|lane| *lane < 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{FunctionSection, TypeSection};

    const TURNED: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0];
    const OF_BOTH: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    /// Two functions: of two vectors with a local, and of none.
    fn module(lanes: [u8; 16]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([ValType::V128; 2], [ValType::V128]);
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(1).function(0);
        let mut code = CodeSection::new();
        code.function(Function::new([]).instruction(&Instruction::End));
        let mut shuffling = Function::new([(1, ValType::I32)]);
        for instruction in [
            Instruction::LocalGet(0),
            Instruction::LocalGet(1),
            Instruction::I8x16Shuffle(lanes),
            Instruction::End,
        ] {
            shuffling.instruction(&instruction);
        }
        code.function(&shuffling);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&code);
        module.finish()
    }

    /// The instructions of the second function.
    fn shuffling(module: &[u8]) -> String {
        let body = |payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        };
        let body = Parser::new(0).parse_all(module).filter_map(body).nth(1).unwrap();
        let operators: Vec<_> =
            body.get_operators_reader().unwrap().into_iter().map(Result::unwrap).collect();
        format!("{operators:?}")
    }

    #[test]
    fn a_shuffle_of_one_vector_is_given_it_twice() {
        let module = of_one_vector(&module(TURNED)).unwrap();
        let found = shuffling(&module);
        let expect = "[LocalGet { local_index: 0 }, LocalTee { local_index: 3 }, \
            LocalGet { local_index: 3 }, I8x16Shuffle";
        assert!(found.starts_with(expect), "{found}");
        wasmparser::Validator::new().validate_all(&module).unwrap();
    }

    #[test]
    fn a_shuffle_of_two_stays_as_it_is() {
        assert_eq!(of_one_vector(&module(OF_BOTH)).unwrap(), module(OF_BOTH));
    }
}
