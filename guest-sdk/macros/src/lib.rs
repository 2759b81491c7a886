//! The attribute `#[fleetstep_guest::task]`: it leaves a function as it is and, in a WebAssembly build, exports it
//! as the task of the module. What a call does around the function is ordinary code in `fleetstep-guest`.

#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Safety, Signature, Type};

/// Makes a function the task of its module.
///
/// The function is `fn(Input, &Context) -> Result<Output, E>` where the context, or both parameters, may be left out;
/// the input is anything that serde reads, the output anything that serde writes, and the error anything that becomes
/// a `TaskError`. A module has one task.
#[proc_macro_attribute]
pub fn task(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "`task` takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let name = &function.sig.ident;
    let call = call(&function.sig)?;
    Ok(quote! {
        #function

        // A native build has no caller but the tests; this keeps it from calling the task dead code.
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = #name;
        };

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            struct __FleetstepTask;
            impl ::fleetstep_guest::__export::Guest for __FleetstepTask {
                fn handle(
                    __event: ::std::string::String,
                ) -> ::std::result::Result<::std::string::String, ::fleetstep_guest::__export::TaskError> {
                    ::fleetstep_guest::__export::begin();
                    #call
                }
            }
            ::fleetstep_guest::__export::export!(__FleetstepTask with_types_in ::fleetstep_guest::__export);
        };
    })
}

/// The expression that reads the event, calls the function and writes its answer.
fn call(signature: &Signature) -> Result<TokenStream> {
    refuse_special(signature)?;
    let name = &signature.ident;
    let types = parameter_types(signature)?;
    // The span of the user's type puts a missing `Deserialize` where the user can see it.
    let input = types.first().map(|ty| {
        quote_spanned! { ty.span() =>
            let __input: #ty = ::fleetstep_guest::__export::read(&__event)?;
        }
    });
    let arguments = match types.len() {
        0 => quote!(),
        1 => quote!(__input),
        2 => quote!(__input, &::fleetstep_guest::__export::context()),
        _ => return Err(Error::new(signature.inputs.span(), "a task takes an input and, if it wants, a `&Context`")),
    };
    let answer = match &signature.output {
        ReturnType::Type(_, ty) => quote_spanned!(ty.span() => ::fleetstep_guest::__export::answer(#name(#arguments))),
        ReturnType::Default => {
            return Err(Error::new(signature.span(), "a task returns `Result<Output, TaskError>`"));
        }
    };
    Ok(quote!(#input #answer))
}

fn parameter_types(signature: &Signature) -> Result<Vec<&Type>> {
    let types = signature.inputs.iter().map(|input| match input {
        FnArg::Typed(typed) => Ok(&*typed.ty),
        FnArg::Receiver(receiver) => Err(Error::new(receiver.span(), "a task is a free function, not a method")),
    });
    types.collect()
}

/// Says at the function what the compiler would otherwise say about generated code.
fn refuse_special(signature: &Signature) -> Result<()> {
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new(keyword.span(), "a task is a plain function: the workflow does the waiting"));
    }
    if let Safety::Unsafe(keyword) = &signature.safety {
        return Err(Error::new(keyword.span(), "a task cannot be unsafe: the host calls it with any input"));
    }
    if signature.generics.type_params().next().is_some() {
        return Err(Error::new(signature.generics.span(), "a task has no type parameters: its input is one type"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the macro says about a function that it refuses.
    fn refusal(item: TokenStream) -> String {
        expand(TokenStream::new(), item).expect_err("refused").to_string()
    }

    #[test]
    fn leaves_the_function_as_it_is() {
        let item = quote! {
            /// Charges the card.
            fn charge(order: Order) -> Result<Receipt, TaskError> { todo(order) }
        };
        let expanded = expand(TokenStream::new(), item.clone()).expect("expands").to_string();
        assert!(expanded.starts_with(&item.to_string()), "{expanded}");
    }

    #[test]
    fn passes_what_the_function_asks_for() {
        for (parameters, call) in [
            (quote!(), quote!(task())),
            (quote!(order: Order), quote!(task(__input))),
            (quote!(order: Order, call: &Context), quote!(task(__input, &::fleetstep_guest::__export::context()))),
        ] {
            let item = quote!(fn task(#parameters) -> Result<(), TaskError> { Ok(()) });
            let expanded = expand(TokenStream::new(), item).expect("expands").to_string();
            assert!(expanded.contains(&call.to_string()), "{call} in {expanded}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_a_task() {
        for (item, message) in [
            (
                quote!(
                    async fn f(o: Order) -> Result<(), TaskError> {
                        Ok(())
                    }
                ),
                "the workflow does the waiting",
            ),
            (
                quote!(
                    unsafe fn f(o: Order) -> Result<(), TaskError> {
                        Ok(())
                    }
                ),
                "cannot be unsafe",
            ),
            (
                quote!(
                    fn f<T>(o: T) -> Result<(), TaskError> {
                        Ok(())
                    }
                ),
                "no type parameters",
            ),
            (
                quote!(
                    fn f(&self) -> Result<(), TaskError> {
                        Ok(())
                    }
                ),
                "not a method",
            ),
            (
                quote!(
                    fn f(a: A, b: &Context, c: C) -> Result<(), TaskError> {
                        Ok(())
                    }
                ),
                "takes an input and",
            ),
            (
                quote!(
                    fn f(o: Order) {}
                ),
                "returns `Result<Output, TaskError>`",
            ),
            (
                quote!(
                    struct Order;
                ),
                "expected `fn`",
            ),
        ] {
            let said = refusal(item);
            assert!(said.contains(message), "{said}");
        }
        let item = quote!(
            fn f() -> Result<(), TaskError> {
                Ok(())
            }
        );
        let said = expand(quote!(retries = 3), item).expect_err("refused").to_string();
        assert!(said.contains("takes no arguments"), "{said}");
    }
}
