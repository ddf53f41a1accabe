// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A plain ERC-20 (EIP-20) for a development chain.
/// @notice There is no constructor, mint or owner: name, symbol, decimals,
/// totalSupply and the first balances are written into the storage slots below
/// by the genesis block. Strings there must be shorter than 32 bytes.
contract Token {
    string public name; // slot 0
    string public symbol; // slot 1
    uint8 public decimals; // slot 2
    uint256 public totalSupply; // slot 3
    mapping(address => uint256) public balanceOf; // slot 4
    mapping(address => mapping(address => uint256)) public allowance; // slot 5

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, "insufficient allowance");
        allowance[from][msg.sender] = allowed - value;
        move(from, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) private {
        require(to != address(0), "transfer to the zero address");
        require(balanceOf[from] >= value, "insufficient balance");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
